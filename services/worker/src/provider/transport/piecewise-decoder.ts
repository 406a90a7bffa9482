/**
 * A decoder of Node's, fed one piece at a time. It returns all that is in a piece before the next one, so that a broken
 * connection loses nothing that was decoded.
 */
import type zlib from "node:zlib";

export type Transform = zlib.Gunzip | zlib.Inflate | zlib.InflateRaw | zlib.BrotliDecompress;

export interface Outcome {
  readonly decoded: Uint8Array[];
  readonly problem?: "broken" | "too much" | undefined;
}

export class PiecewiseDecoder {
  readonly #transform: Transform;
  #decoded: Uint8Array[] = [];
  #bytes = 0;
  #mostBytes = Number.POSITIVE_INFINITY;
  #isSkipping = false;
  #isOver = false;

  constructor(transform: Transform) {
    this.#transform = transform;
    transform.on("data", (bytes: Uint8Array) => {
      if (this.#isSkipping) return;
      this.#decoded.push(bytes);
      this.#bytes += bytes.length;
      if (this.#bytes > this.#mostBytes) transform.destroy(new Error("too much"));
    });
    // Bytes behind the end of the encoding are not a part of it.
    transform.on("end", () => {
      this.#isOver = true;
    });
    transform.on("error", ignore);
  }

  async decode(piece: Uint8Array, mostBytes: number): Promise<Outcome> {
    this.#bytes = 0;
    this.#mostBytes = mostBytes;
    const error = this.#isOver ? undefined : await feed(this.#transform, piece);
    const decoded = this.#decoded;
    this.#decoded = [];
    if (this.#bytes > mostBytes) return { decoded, problem: "too much" };
    return { decoded, problem: error ? "broken" : undefined };
  }

  /** Takes what another decoder has decoded, to reach the same state. */
  async skip(encoded: Uint8Array): Promise<void> {
    this.#isSkipping = true;
    if (encoded.length > 0) await feed(this.#transform, encoded);
    this.#isSkipping = false;
  }

  close(): void {
    this.#transform.destroy();
  }
}

/** Resolves once a piece is decoded, with the error if there was one. */
function feed(transform: Transform, piece: Uint8Array): Promise<unknown> {
  return new Promise((resolve) => {
    transform.once("error", resolve);
    transform.write(piece, (error) => {
      transform.off("error", resolve);
      resolve(error);
    });
  });
}

function ignore(): void {
  // `feed` gets the error. A decoder may also fail when it is closed.
}
