import type { SseEvent } from "./profiles/dialect.ts";
import type { Reply } from "./reply.ts";

export type Newline = "lf" | "crlf" | "cr";

const NEWLINES: Readonly<Record<Newline, string>> = { lf: "\n", crlf: "\r\n", cr: "\r" };

export function encodeEvent({ event, data }: SseEvent, newline: Newline = "lf"): string {
  const end = NEWLINES[newline];
  const name = event === undefined ? "" : `event: ${event}${end}`;
  return `${name}data: ${data}${end}${end}`;
}

export const DONE: SseEvent = { data: "[DONE]" };

/**
 * Where encoded events go. With `chunkBytes` the byte stream is cut anew, without regard to
 * characters or events; what does not fill a portion waits for the next event or for `flush`.
 */
export class EventSink {
  readonly #reply: Reply;
  readonly #chunkBytes: number | undefined;
  #rest: Buffer = Buffer.alloc(0);

  constructor(reply: Reply, chunkBytes: number | undefined) {
    this.#reply = reply;
    this.#chunkBytes = chunkBytes;
  }

  /** Resolves when there is room for more; `false` once the client is gone. */
  async write(text: string): Promise<boolean> {
    if (this.#chunkBytes === undefined) return this.#reply.write(text);
    const bytes = Buffer.concat([this.#rest, Buffer.from(text)]);
    let from = 0;
    for (; from + this.#chunkBytes <= bytes.length; from += this.#chunkBytes) {
      const portion = bytes.subarray(from, from + this.#chunkBytes);
      if (!(await this.#reply.writeThrough(portion))) return false;
    }
    this.#rest = bytes.subarray(from);
    return this.#reply.open;
  }

  /** Sends what is held back. */
  async flush(): Promise<boolean> {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length > 0 ? this.#reply.writeThrough(rest) : this.#reply.open;
  }
}
