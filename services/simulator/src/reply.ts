/**
 * One HTTP response, as a line that may go dead at any moment.
 *
 * Every wait ends early when the client leaves, and then returns `false`. So the code that answers is one straight
 * story, without abort signals or exceptions. One wait at a time.
 */
import type { ServerResponse } from "node:http";
import { constants, Http2ServerResponse, type ServerHttp2Stream } from "node:http2";

export type Headers = Readonly<Record<string, string>>;

const RESET_DELAY_MS = 10;
/** Node fires a timer at once that is longer than about 24 days. */
const MAX_TIMER_MS = 3_600_000;

export class Reply {
  readonly #response: ServerResponse;
  /** With HTTP/2, where a connection is not one response's to close. */
  readonly #stream: ServerHttp2Stream | undefined;
  #open = true;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#stream = streamOf(response);
    response.on("drain", () => this.#resume());
    response.once("close", () => {
      this.#open = false;
      this.#resume();
    });
  }

  /** Whether the client is still there and the response not yet over. */
  get open(): boolean {
    return this.#open;
  }

  /** Sends the status line and headers at once, ahead of any body. */
  head(status: number, headers: Headers): void {
    if (!this.#open) return;
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
  }

  /** @param at on the clock of `performance.now()` */
  async waitUntil(at: number): Promise<boolean> {
    // A timer may fire a little early, and a late `drain` may wake us for nothing: look again.
    for (let leftMs = at - performance.now(); this.#open && leftMs > 0; ) {
      await this.#pause(Math.min(Math.ceil(leftMs), MAX_TIMER_MS));
      leftMs = at - performance.now();
    }
    return this.#open;
  }

  async untilClosed(): Promise<void> {
    while (this.#open) await this.#pause();
  }

  /** Resolves when there is room for more, which is usually at once. */
  async write(text: string): Promise<boolean> {
    if (!this.#open) return false;
    this.#response.write(text);
    const writable = this.#stream ?? this.#response;
    while (this.#open && writable.writableNeedDrain) await this.#pause();
    return this.#open;
  }

  /** Resolves when the bytes are with the kernel, so that two calls are never one packet's write. */
  async writeThrough(bytes: Uint8Array): Promise<boolean> {
    if (!this.#open) return false;
    let written = false;
    this.#response.write(bytes, () => {
      written = true;
      this.#resume();
    });
    while (this.#open && !written) await this.#pause();
    return this.#open;
  }

  /** A whole response in one write. @returns whether all of it left before the client did */
  async send(status: number, headers: Headers, body: string): Promise<boolean> {
    if (!this.#open) return false;
    const length = String(Buffer.byteLength(body));
    this.#response.writeHead(status, { ...headers, "content-length": length });
    return this.end(body);
  }

  sendJson(status: number, body: object): Promise<boolean> {
    return this.send(status, { "content-type": "application/json" }, JSON.stringify(body));
  }

  /** @returns whether all of it left before the client did */
  async end(body = ""): Promise<boolean> {
    if (!this.#open) return false;
    this.#response.end(body, () => this.#resume());
    while (this.#open && !this.#response.writableFinished) await this.#pause();
    return this.#response.writableFinished;
  }

  /** Destroys the socket once what was written so far has left. */
  cut(): void {
    this.#open = false;
    if (this.#stream) resetStream(this.#stream);
    else this.#response.socket?.destroySoon();
  }

  /** As `cut`, but with a TCP reset. */
  reset(): void {
    this.#open = false;
    if (this.#stream) {
      resetStream(this.#stream);
      return;
    }
    const { socket } = this.#response;
    // Behind the last write, because a reset throws unwritten data away. And not at once, because Node takes a reset
    // that comes together with data for an orderly end. The delay lets a client in this process read first.
    const reset = () => setImmediate(() => socket?.resetAndDestroy());
    socket?.write("", () => setTimeout(reset, RESET_DELAY_MS));
  }

  #pause(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (ms !== undefined) this.#timer = setTimeout(() => this.#resume(), ms);
    });
  }

  #resume(): void {
    clearTimeout(this.#timer);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function streamOf(response: ServerResponse | Http2ServerResponse): ServerHttp2Stream | undefined {
  return response instanceof Http2ServerResponse ? response.stream : undefined;
}

/** What was written so far leaves first. */
function resetStream(stream: ServerHttp2Stream): void {
  stream.write("", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
}
