/** A whole response that the kernel may not take at once. Its client takes it in its own time. */
import type { HttpResponse } from "uWebSockets.js";
import { type Headers, type HttpStatus, writeHead } from "./http-head.ts";
import type { OpenResponse } from "./open-response.ts";

export class LongReply {
  readonly #open: OpenResponse;
  readonly #body: Buffer;
  #fullSince: number | undefined;

  constructor(open: OpenResponse, body: Buffer) {
    this.#open = open;
    this.#body = body;
  }

  /** Since when the client has not taken what was written. */
  get fullSince(): number | undefined {
    return this.#fullSince;
  }

  begin(status: HttpStatus, headers: Headers): void {
    this.#open.onWritable(() => this.push());
    const response = this.#open.current;
    response?.cork(() => {
      writeHead(response, status, headers);
      this.#send(response);
    });
  }

  /** Sends what the kernel takes now. */
  push(): void {
    const response = this.#open.current;
    response?.cork(() => this.#send(response));
  }

  #send(response: HttpResponse): void {
    const rest = this.#body.subarray(response.getWriteOffset());
    const [, isWhole] = response.tryEnd(rest, this.#body.length);
    if (isWhole) this.#open.finish();
    else this.#fullSince ??= performance.now();
  }
}
