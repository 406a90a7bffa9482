/** One text of an answer: its characters kept whole across deltas, and later copies of it recognised. */
import type { Fail } from "../contract/provider-error.ts";

/** How much of a text is kept to compare a whole message with. A whole message is one event, which is no longer. */
const MAX_KEPT = 1024 * 1024;

/** A text as far as it was passed on. */
export class TextSoFar {
  #text = "";

  get any(): boolean {
    return this.#text !== "";
  }

  /** The text; of a long one, its beginning. */
  get text(): string {
    return this.#text;
  }

  add(text: string): void {
    if (this.#text.length <= MAX_KEPT) this.#text += text;
  }

  /**
   * What a whole text adds to this one: "" if it is as long or shorter. White space at both ends does not count,
   * since many servers trim a whole text and never a piece.
   *
   * @returns undefined if the two differ: then one of them is wrong
   */
  restOf(whole: string): string | undefined {
    if (!this.any) return whole;
    const [text, known] = [whole.trimStart(), this.#text.trimStart()];
    if (text.trimEnd() === known.trimEnd()) return "";
    if (text.startsWith(known)) return text.slice(known.length);
    return known.startsWith(text.trimEnd()) ? "" : undefined;
  }

  /** What a text adds that may be a copy of this one. A text that is not a copy adds all of itself. */
  freshOf(text: string): string {
    const rest = this.restOf(text);
    // A copy would be complete by now. A shorter text with the same beginning is another text.
    const isShorter = rest === "" && !this.isAll(text);
    return isShorter ? text : (rest ?? text);
  }

  /** Whether a whole text ends with this one, behind a beginning that is not in it. */
  isEndOf(whole: string): boolean {
    return whole.trimEnd().endsWith(this.#text.trimEnd());
  }

  /** Whether `text` equals this one, white space at both ends aside. Never true for empty texts. */
  isAll(text: string): boolean {
    const core = this.#text.trim();
    return core !== "" && core === text.trim();
  }
}

/** Recognises deltas that repeat, behind a whole message, what the message had. */
export class CopiedText {
  /** The rest of the copy; undefined without one. */
  #ahead: string | undefined;
  #hasBegun = false;

  /** A whole answer was passed on. */
  mayFollow(whole: string): void {
    this.#ahead = whole === "" ? undefined : whole;
    this.#hasBegun = false;
  }

  /**
   * Returns what a piece adds.
   *
   * @throws ProviderError for a copy that ends as another text
   */
  without(piece: string, fail: Fail): string {
    if (this.#ahead === undefined || piece === "") return piece;
    if (this.#ahead !== "" && this.#ahead.startsWith(piece)) {
      this.#ahead = this.#ahead.slice(piece.length);
      this.#hasBegun = true;
      return "";
    }
    if (this.#hasBegun && this.#ahead !== "") {
      throw fail("provider_malformed", "deltas that differ from their whole message");
    }
    this.#ahead = undefined;
    return piece;
  }
}

/**
 * Keeps characters whole across deltas.
 *
 * JSON may spell a character beyond the BMP as two escapes, and a provider may put them into two deltas. One half
 * alone cannot be written as UTF-8: it would reach the user as U+FFFD.
 */
export class SurrogateJoiner {
  #held = "";

  /** Returns what can be passed on now. A high surrogate at the end waits for its other half. */
  push(text: string): string {
    if (text === "") return "";
    const whole = this.#held + text;
    this.#held = "";
    if (!isHighSurrogate(whole.charCodeAt(whole.length - 1))) return whole;
    this.#held = whole.slice(-1);
    return whole.slice(0, -1);
  }

  /** The answer is over: returns what still waits. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
