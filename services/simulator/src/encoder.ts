/** Compresses a response piece by piece: what was written is out when its promise resolves. */
import { once } from "node:events";
import zlib from "node:zlib";

/** `deflateRaw` is `deflate` without its header, as some servers understand it. */
export const ENCODINGS = ["gzip", "deflate", "deflateRaw", "br"] as const;
export type Encoding = (typeof ENCODINGS)[number];

const MAKE = {
  gzip: () => zlib.createGzip(),
  deflate: () => zlib.createDeflate(),
  deflateRaw: () => zlib.createDeflateRaw(),
  br: () => zlib.createBrotliCompress(),
} as const satisfies Record<Encoding, () => unknown>;

export class Encoder {
  readonly #stream: ReturnType<(typeof MAKE)[Encoding]>;
  #out: Buffer[] = [];

  constructor(encoding: Encoding) {
    this.#stream = MAKE[encoding]();
    this.#stream.on("data", (bytes: Buffer) => this.#out.push(bytes));
  }

  async encode(text: string): Promise<Buffer> {
    this.#stream.write(text);
    await new Promise<void>((resolve) => this.#stream.flush(resolve));
    return this.#take();
  }

  async end(): Promise<Buffer> {
    this.#stream.end();
    await once(this.#stream, "end");
    return this.#take();
  }

  #take(): Buffer {
    const out = Buffer.concat(this.#out);
    this.#out = [];
    return out;
  }
}

/** What the response says of itself. */
export function encodingHeader(encoding: Encoding): string {
  return encoding === "deflateRaw" ? "deflate" : encoding;
}
