import { Encoder, type Encoding } from "./encoder.ts";
import type { SseEvent } from "./profiles/dialect.ts";
import type { Reply } from "./reply.ts";
import { createRandom } from "./text/random.ts";

export type Newline = "lf" | "crlf" | "cr";

const NEWLINES: Readonly<Record<Newline, string>> = { lf: "\n", crlf: "\r\n", cr: "\r" };

/** How an event is spelled. All of it means the same. */
export interface Framing {
  readonly newline: Newline;
  /** No space behind the colon. */
  readonly noSpace?: boolean;
  /** The line that ends an event is a tab. */
  readonly tabLine?: boolean;
  /** JSON goes over several `data` lines. */
  readonly manyLines?: boolean;
}

export const PLAIN: Framing = { newline: "lf" };

export function encodeEvent({ event, data }: SseEvent, framing: Framing = PLAIN): string {
  const end = NEWLINES[framing.newline];
  const colon = framing.noSpace ? ":" : ": ";
  const name = event === undefined ? "" : `event${colon}${event}${end}`;
  const lines = framing.manyLines ? spread(data).split("\n") : [data];
  const fields = lines.map((line) => `data${colon}${line}${end}`).join("");
  return `${name}${fields}${framing.tabLine ? "\t" : ""}${end}`;
}

/** The same JSON with line breaks in it; anything else as it is. */
function spread(data: string): string {
  return data.startsWith("{") ? JSON.stringify(JSON.parse(data), null, 1) : data;
}

export const DONE: SseEvent = { data: "[DONE]" };

/** How the byte stream is cut into other portions, if at all. */
export interface Portions {
  readonly bytes: number | undefined;
  /** Waited after each portion, which is then one byte unless told otherwise. */
  readonly pauseMs: number | undefined;
  /** Sizes are random then, up to `bytes`. */
  readonly seed?: number | undefined;
  /** Bytes behind so many are not sent. */
  readonly limit?: number | undefined;
}

const RANDOM_BYTES = 400;

/**
 * Where encoded events go. Portions are cut without regard to characters or events; what does not
 * fill one waits for the next event or for `flush`.
 */
export class EventSink {
  readonly #reply: Reply;
  readonly #nextSize: (() => number) | undefined;
  readonly #pauseMs: number;
  readonly #encoder: Encoder | undefined;
  #left: number;
  #size = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(reply: Reply, { bytes, pauseMs, seed, limit }: Portions, encoding?: Encoding) {
    this.#reply = reply;
    this.#encoder = encoding && new Encoder(encoding);
    this.#nextSize = sizes(bytes ?? (pauseMs === undefined ? undefined : 1), seed);
    this.#size = this.#nextSize?.() ?? 0;
    this.#pauseMs = pauseMs ?? 0;
    this.#left = limit ?? Number.POSITIVE_INFINITY;
  }

  /** Nothing more will be sent, whatever is written. */
  get full(): boolean {
    return this.#left === 0;
  }

  /** Resolves when there is room for more; `false` once the client is gone. */
  async write(text: string): Promise<boolean> {
    if (this.#encoder) return this.#send(await this.#encoder.encode(text));
    if (this.#nextSize === undefined && this.#left === Number.POSITIVE_INFINITY) {
      return this.#reply.write(text);
    }
    return this.#send(Buffer.from(text));
  }

  async #send(fresh: Buffer): Promise<boolean> {
    const nextSize = this.#nextSize;
    const added = fresh.subarray(0, this.#left);
    this.#left -= added.length;
    if (nextSize === undefined) return this.#reply.writeThrough(added);
    const bytes = Buffer.concat([this.#rest, added]);
    let from = 0;
    for (; from + this.#size <= bytes.length; this.#size = nextSize()) {
      const portion = bytes.subarray(from, from + this.#size);
      from += this.#size;
      if (!(await this.#reply.writeThrough(portion))) return false;
      if (!(await this.#reply.waitUntil(performance.now() + this.#pauseMs))) return false;
    }
    this.#rest = bytes.subarray(from);
    return this.#reply.open;
  }

  /** Sends what is held back. */
  async flush(): Promise<boolean> {
    if (this.#encoder && !(await this.#send(await this.#encoder.end()))) return false;
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length > 0 ? this.#reply.writeThrough(rest) : this.#reply.open;
  }
}

function sizes(bytes: number | undefined, seed: number | undefined): (() => number) | undefined {
  if (seed === undefined) return bytes === undefined ? undefined : () => bytes;
  const random = createRandom(seed);
  return () => 1 + Math.floor(random() * (bytes ?? RANDOM_BYTES));
}
