/**
 * Cuts an answer into v1 frames of bare text that do not parse as JSON.
 *
 * Old clients run JSON.parse on every frame and take a frame that parses for a signal. A piece such as `1`, `true`
 * or `{"type":"done"}` would vanish from the answer, or end it. Joined together, the frames must equal the text
 * exactly. So nothing can be escaped, and only the cuts are free.
 *
 * Every JSON text except a number can be cut in two so that neither half parses. A number cannot. If the answer
 * ends with `42` after everything before it was sent, no cut helps. So the framer always holds back the shortest
 * tail that a following number could not turn into a number. Nearly always this is the last character. It leaves
 * with the next piece, or with the end.
 */

/** A text that is a number, or could become one if digits follow. */
const NUMBER_SO_FAR = /^[ \t\n\r]*(?:-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d*)?)[ \t\n\r]*$/;
/** After so many characters that are only digits, the digits are sent as they are. */
const MOST_HELD = 512;

export class BareTextFramer {
  #held = "";

  /** Takes the next piece. Answers the frames that can be sent now. */
  push(text: string): string[] {
    const all = this.#held + text;
    const cut = tailStart(all);
    const frames = split(all.slice(0, cut));
    this.#held = frames ? all.slice(cut) : all;
    if (this.#held.length <= MOST_HELD) return frames ?? [];
    // A live answer is worth more here than protection from a parser.
    const digits = this.#held;
    this.#held = "";
    return [...(frames ?? []), digits];
  }

  /** The answer is over: sends what was held back. */
  end(): string[] {
    const held = this.#held;
    this.#held = "";
    if (held === "") return [];
    // Only an answer that is one number cannot be cut. It is sent as it is.
    return split(held) ?? [held];
  }
}

/** Where the tail begins that must be held back; 0 if that is everything. */
function tailStart(text: string): number {
  const earliest = Math.max(0, text.length - MOST_HELD);
  for (let start = text.length - 1; start >= earliest; start -= 1) {
    if (isLowSurrogate(text, start)) continue;
    if (!NUMBER_SO_FAR.test(text.slice(start))) return start;
  }
  return 0;
}

/** Cuts a text into frames that do not parse; `undefined` if no cut can do that. */
function split(text: string): string[] | undefined {
  if (text === "") return [];
  if (!parses(text)) return [text];
  // JSON other than a number begins with a bracket, a quote or a letter. Neither that character alone nor the text
  // without it is JSON.
  for (let cut = 1; cut < text.length; cut += 1) {
    if (isLowSurrogate(text, cut)) continue;
    const [head, tail] = [text.slice(0, cut), text.slice(cut)];
    if (!parses(head) && !parses(tail)) return [head, tail];
    if (/[^ \t\n\r]/.test(head)) break;
  }
  return undefined;
}

/** Whether a client's JSON parser would accept it. Python's also takes NaN and the infinities. */
function parses(text: string): boolean {
  const first = /^[ \t\n\r]*([{["\-0-9tfnNI])/.exec(text);
  if (!first) return false;
  if (/^[ \t\n\r]*(?:NaN|-?Infinity)[ \t\n\r]*$/.test(text)) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    // A bare frame must not parse.
    return false;
  }
}

function isLowSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}
