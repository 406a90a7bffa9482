/**
 * Server-sent events from bytes, cut anywhere.
 *
 * Follows the WHATWG event-stream rules (LF, CRLF and CR line ends, byte order mark, comments,
 * several `data` lines) and is tolerant where real providers are not exact: a line of blanks ends an
 * event, and the last event counts even without its empty line. In one thing it is stricter: a line
 * that is no field at all is not passed over, for it may be what became of a piece of the answer.
 * Every character is looked at once.
 */
import type { Fail } from "../contract/provider-error.ts";

export interface SseEvent {
  /** `message` unless the provider named another. */
  readonly event: string;
  /** The `data` lines, joined by line feeds. */
  readonly data: string;
}

/** Longest line, and most data in one event, in UTF-16 units. Real ones are below a kilobyte. */
export const MAX_EVENT_LENGTH = 1024 * 1024;

const BLANK = /^[ \t]+$/;
/** What the name of a field looks like, known or not. */
const FIELD = /^[A-Za-z][\w-]*$/;

export class SseParser {
  readonly #fail: Fail;
  readonly #decoder = new TextDecoder();
  /** The beginning of a line whose end has not arrived. */
  #line = "";
  /** The last chunk ended with CR: a LF at the beginning of the next belongs to it. */
  #skipLf = false;
  #event = "";
  #data: string[] = [];
  #dataLength = 0;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /**
   * Gives events one by one, so that those before a malformed line in the same bytes are not lost.
   *
   * @throws ProviderError `provider_malformed` for a line or an event too long, or a line of no kind
   */
  push(bytes: Uint8Array): Generator<SseEvent, void, undefined> {
    return this.#read(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The stream is over: gives what it left without a line end or an empty line after it. */
  *end(): Generator<SseEvent, void, undefined> {
    yield* this.#read(this.#decoder.decode());
    const line = this.#line;
    this.#line = "";
    // Half a line that is no field says nothing: the answer is judged by what came whole.
    if (FIELD.test(nameOf(line))) this.#readField(line);
    yield* this.#dispatch();
  }

  *#read(text: string): Generator<SseEvent, void, undefined> {
    if (text === "") return;
    let start = this.#skipLf && text.startsWith("\n") ? 1 : 0;
    this.#skipLf = false;
    const lineEnd = /\r\n?|\n/g;
    lineEnd.lastIndex = start;
    for (let match = lineEnd.exec(text); match !== null; match = lineEnd.exec(text)) {
      const line = this.#line + text.slice(start, match.index);
      this.#line = "";
      this.#limit(line.length);
      if (line === "" || BLANK.test(line)) yield* this.#dispatch();
      else this.#readField(line);
      start = lineEnd.lastIndex;
      this.#skipLf = match[0] === "\r" && start === text.length;
    }
    // Appending makes a rope: nothing is copied until the line is complete.
    this.#line += text.slice(start);
    this.#limit(this.#line.length);
  }

  #readField(line: string): void {
    const colon = line.indexOf(":");
    // A comment, which providers send as keep-alive: it says that the line is up, not that work goes on.
    if (colon === 0) return;
    const field = nameOf(line);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#addData(value);
    else if (field === "event") this.#event = value;
    else if (!FIELD.test(field)) throw this.#fail("provider_malformed", "not an event stream");
    // `id` and `retry` are about reconnecting, which an answer cannot do.
  }

  #addData(value: string): void {
    this.#dataLength += value.length + 1;
    this.#limit(this.#dataLength);
    this.#data.push(value);
  }

  #dispatch(): readonly SseEvent[] {
    const data = this.#data;
    const event = this.#event || "message";
    this.#event = "";
    this.#data = [];
    this.#dataLength = 0;
    return data.length > 0 ? [{ event, data: data.join("\n") }] : [];
  }

  #limit(length: number): void {
    if (length > MAX_EVENT_LENGTH) throw this.#fail("provider_malformed", "an event over 1 MiB");
  }
}

function nameOf(line: string): string {
  const colon = line.indexOf(":");
  return colon < 0 ? line : line.slice(0, colon);
}
