/** Undoes one encoding of a body, piece by piece. */
import type { Fail, ProviderError } from "../contract/provider-error.ts";
import { type Outcome, PiecewiseDecoder, type Transform } from "./piecewise-decoder.ts";

/** The largest result of one piece from the network (64 KiB or less). Event streams reach a tenth of it. */
const MAX_PIECE_BYTES = 8 * 1024 * 1024;
/** How many encoded bytes are kept, to decode them again at a fault. Answers reach a tenth of it. */
const MAX_KEPT_BYTES = 1024 * 1024;
/** This many bytes of compressed data are hardly ever all printable. */
const ENOUGH_BYTES = 8;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
/** The beginning of an event stream, of JSON or of a proxy's page. */
const BEGINNING = /^\s*(?:(?:data|event|id|retry)?:|[{[]\s*(?:["{[\]}]|$)|"|<[!?a-z])/i;
/** Enough by itself: text of any language may follow. */
const FIELD = /^\s*(?:data|event|retry):/;
/** May still become a beginning. */
const HALF = /^\s*(?:<|d|da|dat|data|e|ev|eve|even|event|i|id|r|re|ret|retr|retry)?$/;
const PRINTABLE = /^[\t\n\r\x20-\x7e]*$/;

/** Opens a decoder by the first byte of a body, since the name of the encoding may be wrong. */
export type OpenDecoder = (firstByte: number) => Transform | undefined;

/** The content of one piece from the network, up to its fault if it has one. */
export interface Decoded {
  readonly decoded: readonly Uint8Array[];
  readonly broken?: ProviderError | undefined;
}

export class EncodingLayer {
  readonly #open: OpenDecoder | undefined;
  readonly #fail: Fail;
  #decoder: PiecewiseDecoder | undefined;
  #isOpen = false;
  /** The first bytes, until it is clear whether the body is encoded. */
  #beginning = Buffer.alloc(0);
  #broken: ProviderError | undefined;
  /** All encoded bytes so far; undefined once they are too many. */
  #encoded: Uint8Array[] | undefined = [];
  #encodedBytes = 0;

  /** @param open undefined for an unknown encoding: then only plain text is read */
  constructor(open: OpenDecoder | undefined, fail: Fail) {
    this.#open = open;
    this.#fail = fail;
  }

  /** Decodes one piece from the network. An outer encoding may have made several pieces of it. */
  async decode(pieces: readonly Uint8Array[]): Promise<Decoded> {
    const decoded: Uint8Array[] = [];
    for (const piece of pieces) {
      if (!this.#broken)
        decoded.push(...(await this.#take(piece, MAX_PIECE_BYTES - sizeOf(decoded))));
    }
    return { decoded, broken: this.#broken };
  }

  /** The body is over: returns bytes that were too few to decide. They cannot be a complete encoding. */
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
   * Decodes what a piece has before its fault. Node's decoder reports only the fault. So this decodes everything once
   * more, and finds the longest part of the piece without a fault by halving.
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

  /** Decodes a piece with a new decoder that has read `before`. */
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

  #openDecoder(firstByte: number): PiecewiseDecoder | undefined {
    const transform = this.#open?.(firstByte);
    return transform && new PiecewiseDecoder(transform);
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

export function tooMuch(fail: Fail): ProviderError {
  return fail("provider_malformed", "a compressed body without end");
}

/**
 * Whether a body is plain text though its header names an encoding. Some servers name a character set there, or nothing.
 * Some proxies undo an encoding and keep its name.
 *
 * @param bytes the first bytes of the body
 * @returns `more` if they are too few to decide
 */
export function isPlainText(bytes: Buffer): boolean | "more" {
  const marked = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const from = marked ? BYTE_ORDER_MARK.length : 0;
  const text = bytes.subarray(from, from + ENOUGH_BYTES).toString("latin1");
  if (!marked && BYTE_ORDER_MARK.subarray(0, bytes.length).equals(bytes)) return "more";
  if (FIELD.test(text)) return true;
  if (!PRINTABLE.test(text) || !(BEGINNING.test(text) || HALF.test(text))) return false;
  return text.length === ENOUGH_BYTES ? BEGINNING.test(text) : "more";
}
