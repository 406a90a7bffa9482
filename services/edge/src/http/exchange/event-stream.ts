/**
 * A response that is a stream of server-sent events, and its backpressure.
 *
 * uWebSockets.js keeps what the kernel does not take in a buffer without a bound, so a writer stops at `false`. Once a
 * callback waits for room, the library sends what it has kept only together with the next write: hence the comment in
 * `push`. And it cuts a connection that has taken nothing for 10 s after the last write, so a full stream is pushed with
 * each sweep.
 */
import type { HttpResponse } from "uWebSockets.js";
import { type Headers, writeHead } from "./http-head.ts";
import type { OpenResponse } from "./open-response.ts";

const STREAM_HEADERS: Headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Without it, nginx would gather the stream into pages.
  "x-accel-buffering": "no",
};

/**
 * In the event stream format, a line that begins with a colon is a comment. No empty line follows: some clients take each
 * empty line for the end of an event.
 */
const COMMENT = ":\n";

export interface EventStreamOptions {
  readonly response: OpenResponse;
  /** Read when the stream begins. */
  readonly headers: () => Headers;
  /** How long the stream may be silent before a comment shows that it is alive. */
  readonly keepAliveAfterMs: number;
  /** From when the silence counts, on the monotonic clock. */
  readonly since: number;
  /** The client can take more again. */
  readonly onDrain: () => void;
}

export class EventStream {
  readonly #options: EventStreamOptions;
  #hasBegun = false;
  #wroteAt: number;
  #fullSince: number | undefined;
  /** The stream is over as soon as the client has taken what was written. */
  #isEnding = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#wroteAt = options.since;
  }

  /** Whether the status and the headers were sent. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Since when the client has not taken what was written. */
  get fullSince(): number | undefined {
    return this.#fullSince;
  }

  /** Answers whether the stream can take more. */
  write(text: string): boolean {
    const response = this.#options.response.current;
    if (!response) return false;
    let hasRoom = false;
    response.cork(() => {
      this.#begin(response);
      hasRoom = response.write(text);
    });
    this.#wroteAt = performance.now();
    if (!hasRoom) this.#fullSince ??= this.#wroteAt;
    return hasRoom && this.#fullSince === undefined;
  }

  /**
   * Ends the stream as it should. The connection stays: told to close it, uWebSockets.js would write that header into the
   * body.
   */
  end(): void {
    if (this.#fullSince !== undefined) {
      this.#isEnding = true;
      return;
    }
    const response = this.#options.response.finish();
    response?.cork(() => {
      this.#begin(response);
      response.end();
    });
  }

  /** Makes uWebSockets.js send what it has kept. If nothing is left of it, there is room again. */
  push(): void {
    const response = this.#options.response.current;
    let isEmpty = false;
    response?.cork(() => {
      isEmpty = response.write(COMMENT);
    });
    if (!isEmpty || this.#fullSince === undefined) return;
    this.#fullSince = undefined;
    if (this.#isEnding) this.end();
    else this.#options.onDrain();
  }

  /** Shows that the stream is alive, if it was silent for too long. */
  keepAlive(now: number): void {
    if (now - this.#wroteAt > this.#options.keepAliveAfterMs) this.write(COMMENT);
  }

  #begin(response: HttpResponse): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { response: open, headers } = this.#options;
    open.onWritable(() => this.push());
    writeHead(response, 200, { ...STREAM_HEADERS, ...headers() });
  }
}
