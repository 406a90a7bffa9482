/**
 * Reads server-sent events from bytes that are cut anywhere.
 *
 * Follows the WHATWG event-stream rules: LF, CRLF and CR line ends, byte order mark, comments, several `data` lines.
 * Providers are not exact, so it tolerates two faults: a line of blanks ends an event, and the last event counts without
 * its empty line. It is stricter in one way. A line that is not a field is an error, since it may be a damaged piece of the
 * answer. It reads each character once.
 */
import type { Fail } from "../contract/provider-error.ts";

export interface SseEvent {
  /** The name of the event; by default `message`. */
  readonly event: string;
  /** The `data` lines, joined by line feeds. */
  readonly data: string;
}

/** Longest line, and most data in one event, in UTF-16 units. Real lines are below a kilobyte. */
export const MAX_EVENT_LENGTH = 1024 * 1024;

const BLANK = /^[ \t]+$/;
/** The name of a field, known or not. */
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
   * Returns events one by one, so that events before a malformed line in the same bytes are not lost.
   *
   * @throws ProviderError `provider_malformed` for a line or an event that is too long, or a line that is not a field
   */
  push(bytes: Uint8Array): Generator<SseEvent, void, undefined> {
    return this.#read(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The stream is over: returns an event that lacks its line end or its empty line. */
  *end(): Generator<SseEvent, void, undefined> {
    yield* this.#read(this.#decoder.decode());
    const line = this.#line;
    this.#line = "";
    // Half a line that is not a field is ignored.
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
    // A comment, which providers send as keep-alive. It shows that the connection works, not that the model does.
    if (colon === 0) return;
    const field = nameOf(line);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#addData(value);
    else if (field === "event") this.#event = value;
    else if (!FIELD.test(field)) throw this.#fail("provider_malformed", "not an event stream");
    // `id` and `retry` are for reconnecting, which is impossible for an answer.
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
