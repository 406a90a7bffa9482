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

/** How the byte stream is cut anew, if it is. */
export interface Portions {
  readonly bytes: number | undefined;
  /** Waited after each portion, which is then one byte unless told otherwise. */
  readonly pauseMs: number | undefined;
}

/**
 * Where encoded events go. Portions are cut without regard to characters or events; what does not
 * fill one waits for the next event or for `flush`.
 */
export class EventSink {
  readonly #reply: Reply;
  readonly #bytes: number | undefined;
  readonly #pauseMs: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(reply: Reply, { bytes, pauseMs }: Portions) {
    this.#reply = reply;
    this.#bytes = bytes ?? (pauseMs === undefined ? undefined : 1);
    this.#pauseMs = pauseMs ?? 0;
  }

  /** Resolves when there is room for more; `false` once the client is gone. */
  async write(text: string): Promise<boolean> {
    const size = this.#bytes;
    if (size === undefined) return this.#reply.write(text);
    const bytes = Buffer.concat([this.#rest, Buffer.from(text)]);
    let from = 0;
    for (; from + size <= bytes.length; from += size) {
      if (!(await this.#reply.writeThrough(bytes.subarray(from, from + size)))) return false;
      if (!(await this.#reply.waitUntil(performance.now() + this.#pauseMs))) return false;
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
