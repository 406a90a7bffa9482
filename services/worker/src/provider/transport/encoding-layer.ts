/** One encoding of a body, undone piece by piece. */
import type zlib from "node:zlib";
import type { Fail, ProviderError } from "../contract/provider-error.ts";
import { isPlainText } from "./plain-text.ts";

/** What one piece from the network, 64 KiB or less, may become. Event streams come to a tenth of it. */
const MAX_PIECE_BYTES = 8 * 1024 * 1024;
/** Of what is encoded, to read once more what is broken. Answers come to a tenth of it. */
const MAX_KEPT_BYTES = 1024 * 1024;

type Transform = zlib.Gunzip | zlib.Inflate | zlib.InflateRaw | zlib.BrotliDecompress;

/** Makes what decodes a body, by its first byte: the name does not always tell. */
export type OpenDecoder = (firstByte: number) => Transform | undefined;

/** What is in one piece from the network, up to where it is broken, if it is. */
export interface Decoded {
  readonly decoded: readonly Uint8Array[];
  readonly broken?: ProviderError | undefined;
}

export class EncodingLayer {
  readonly #open: OpenDecoder | undefined;
  readonly #fail: Fail;
  #decoder: Decoder | undefined;
  #isOpen = false;
  /** What came before it was clear whether it is encoded at all. */
  #beginning = Buffer.alloc(0);
  #broken: ProviderError | undefined;
  /** All that was encoded so far; undefined where that is too much. */
  #encoded: Uint8Array[] | undefined = [];
  #encodedBytes = 0;

  /** @param open undefined where the encoding is not known: then only plain text is read */
  constructor(open: OpenDecoder | undefined, fail: Fail) {
    this.#open = open;
    this.#fail = fail;
  }

  /** Gives all that is in one piece from the network, of which an outer encoding may have made several. */
  async decode(pieces: readonly Uint8Array[]): Promise<Decoded> {
    const decoded: Uint8Array[] = [];
    for (const piece of pieces) {
      if (!this.#broken)
        decoded.push(...(await this.#take(piece, MAX_PIECE_BYTES - sizeOf(decoded))));
    }
    return { decoded, broken: this.#broken };
  }

  /** The body is over: gives what was too short to tell whether it is encoded. It would be no whole encoding. */
  end(): Uint8Array[] {
    const isShort = !this.#isOpen && this.#beginning.length > 0;
    this.#isOpen = true;
    return isShort ? [this.#beginning] : [];
  }

  close(): void {
    this.#decoder?.close();
  }

  async #take(piece: Uint8Array, mostBytes: number): Promise<Uint8Array[]> {
    if (this.#isOpen) return await this.#undo(piece, mostBytes);
    this.#beginning = Buffer.concat([this.#beginning, piece]);
    const isPlain = isPlainText(this.#beginning);
    if (isPlain === "more") return [];
    this.#isOpen = true;
    if (!isPlain && !this.#open) {
      this.#broken = this.#fail("provider_malformed", "an unknown content-encoding");
      return [];
    }
    if (!isPlain) this.#decoder = this.#openDecoder(this.#beginning[0] ?? 0);
    return await this.#undo(this.#beginning, mostBytes);
  }

  async #undo(piece: Uint8Array, mostBytes: number): Promise<Uint8Array[]> {
    if (!this.#decoder || piece.length === 0) return [piece];
    const { decoded, problem } = await this.#decoder.decode(piece, mostBytes);
    if (problem === "too much") this.#broken = tooMuch(this.#fail);
    if (problem !== "broken") {
      this.#keep(piece);
      return decoded;
    }
    this.#broken = this.#fail("provider_malformed", "broken compression");
    return await this.#beforeFault(piece, mostBytes);
  }

  #keep(piece: Uint8Array): void {
    this.#encoded?.push(piece);
    this.#encodedBytes += piece.length;
    if (this.#encodedBytes > MAX_KEPT_BYTES) this.#encoded = undefined;
  }

  /**
   * What a piece has in front of its fault. A decoder of Node's loses that: of what it was given last it tells the
   * fault alone. So all is decoded once more, with as much of the piece as has no fault, which is found by halving.
   */
  async #beforeFault(piece: Uint8Array, mostBytes: number): Promise<Uint8Array[]> {
    if (!this.#encoded) return [];
    const before = Buffer.concat(this.#encoded);
    let [good, bad] = [0, piece.length];
    let decoded: readonly Uint8Array[] = [];
    while (bad - good > 1) {
      const middle = Math.floor((good + bad) / 2);
      const found = await this.#decodeAgain(before, piece.subarray(0, middle), mostBytes);
      if (found.problem === "broken") bad = middle;
      else {
        good = middle;
        decoded = found.decoded;
      }
    }
    return [...decoded];
  }

  /** What comes of a piece behind what came before it. */
  async #decodeAgain(before: Uint8Array, piece: Uint8Array, mostBytes: number): Promise<Outcome> {
    const decoder = this.#openDecoder(before[0] ?? piece[0] ?? 0);
    if (!decoder) return { decoded: [], problem: "broken" };
    try {
      await decoder.skip(before);
      return await decoder.decode(piece, mostBytes);
    } finally {
      decoder.close();
    }
  }

  #openDecoder(firstByte: number): Decoder | undefined {
    const transform = this.#open?.(firstByte);
    return transform && new Decoder(transform);
  }
}

interface Outcome {
  readonly decoded: Uint8Array[];
  readonly problem?: "broken" | "too much" | undefined;
}

/** A decoder of Node's, that is fed one piece and gives all that is in it before the next. */
class Decoder {
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
    // What follows the end of what was encoded is no part of it.
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

  /** Takes what was decoded before. */
  async skip(encoded: Uint8Array): Promise<void> {
    this.#isSkipping = true;
    if (encoded.length > 0) await feed(this.#transform, encoded);
    this.#isSkipping = false;
  }

  close(): void {
    this.#transform.destroy();
  }
}

/** Resolves once all that is in a piece has come out, with what went wrong. */
function feed(transform: Transform, piece: Uint8Array): Promise<unknown> {
  return new Promise((resolve) => {
    transform.once("error", resolve);
    transform.write(piece, (error) => {
      transform.off("error", resolve);
      resolve(error);
    });
  });
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

export function tooMuch(fail: Fail): ProviderError {
  return fail("provider_malformed", "a compressed body without end");
}

function ignore(): void {
  // Whoever feeds the decoder hears of it; it may also fail when it is closed.
}
