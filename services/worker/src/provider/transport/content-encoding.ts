/**
 * Undoes the `content-encoding` of a response, piece by piece.
 *
 * None is asked for, since compression gathers text that is to be seen at once; but proxies compress all
 * the same. What the provider flushed is given at once. Each decoder is fed one piece and gives all that
 * is in it before the next is read, so that nothing decoded is lost where the connection breaks.
 */
import zlib from "node:zlib";
import type { Fail, ProviderError } from "../contract/provider-error.ts";
import { EncodingLayer, type OpenDecoder, tooMuch } from "./encoding-layer.ts";

/** What all of a body may become: a hundred times the longest answer. */
const MAX_BODY_BYTES = 400 * 1024 * 1024;
/** Encodings on top of each other. More than two have never been seen. */
const MAX_ENCODINGS = 4;

/** Behind it, a body may be whatever it likes. */
const END_MARKER = "[DONE]";

const GZIP_BEGINNING = 0x1f;

const gzip: OpenDecoder = (firstByte) =>
  // A proxy in between may have undone it and left the header.
  firstByte === GZIP_BEGINNING ? zlib.createGunzip(FLUSHED) : undefined;
const FLUSHED = { flush: zlib.constants.Z_SYNC_FLUSH };

const DECODERS: Readonly<Record<string, OpenDecoder | undefined>> = {
  identity: () => undefined,
  gzip,
  "x-gzip": gzip,
  // With the header of zlib, as specified, or without, as some servers understood it.
  deflate: (firstByte) =>
    gzip(firstByte) ??
    ((firstByte & 0x0f) === 8 ? zlib.createInflate(FLUSHED) : zlib.createInflateRaw(FLUSHED)),
  br: () => zlib.createBrotliDecompress(),
  zstd: zstdOf(zlib),
};

/** Newer versions of Node have it. */
function zstdOf(library: object): OpenDecoder | undefined {
  if (!("createZstdDecompress" in library)) return undefined;
  const { createZstdDecompress } = library;
  if (typeof createZstdDecompress !== "function") return undefined;
  return () => createZstdDecompress();
}

/** The names in a `content-encoding`, in the order in which they were applied. */
export function encodingsOf(header: string | readonly string[] | undefined): readonly string[] {
  return [header ?? []]
    .flat()
    .join(",")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
}

/** A body as it comes, decoded where it is encoded. */
export class DecodedBody {
  readonly #raw: AsyncIterator<Uint8Array>;
  readonly #layers: readonly EncodingLayer[];
  readonly #fail: Fail;
  #waiting: Uint8Array[] = [];
  /** The end of what was given last, where an end marker may begin. */
  #tail = Buffer.alloc(0);
  /** What follows what is waiting. */
  #broken: ProviderError | undefined;
  #decodedBytes = 0;
  #isDecoding = false;
  #isOver = false;

  /** @throws ProviderError where there are too many encodings */
  constructor(raw: AsyncIterable<Uint8Array>, encodings: readonly string[], fail: Fail) {
    this.#raw = raw[Symbol.asyncIterator]();
    this.#fail = fail;
    this.#layers = layersOf(encodings, fail);
  }

  /** A piece has come and is not given yet. */
  get isDecoding(): boolean {
    return this.#isDecoding || this.#waiting.length > 0;
  }

  /** Gives the next bytes, which are some; undefined at the end, be it sudden within what was encoded. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#broken) throw this.#broken;
      if (this.#isOver) return undefined;
      const { done, value } = await this.#raw.next();
      if (done) {
        this.#isOver = true;
        this.#waiting = await this.#rest();
        continue;
      }
      if (this.#layers.length === 0) return value;
      this.#isDecoding = true;
      try {
        this.#waiting = await this.#decode(value);
      } finally {
        this.#isDecoding = false;
      }
    }
    return this.#waiting.shift();
  }

  /** Releases what the decoders hold. */
  close(): void {
    this.#waiting = [];
    for (const layer of this.#layers) layer.close();
  }

  /** What the layers have kept back. */
  async #rest(): Promise<Uint8Array[]> {
    let pieces: readonly Uint8Array[] = [];
    for (const layer of this.#layers) {
      const { decoded } = await layer.decode(pieces);
      pieces = [...decoded, ...layer.end()];
    }
    return [...pieces];
  }

  async #decode(piece: Uint8Array): Promise<Uint8Array[]> {
    let pieces: readonly Uint8Array[] = [piece];
    for (const layer of this.#layers) {
      const { decoded, broken } = await layer.decode(pieces);
      pieces = decoded;
      this.#broken ??= broken;
    }
    for (const { length } of pieces) this.#decodedBytes += length;
    if (this.#decodedBytes > MAX_BODY_BYTES) throw tooMuch(this.#fail);
    const bytes = Buffer.concat([this.#tail, ...pieces]);
    // Without the marker the answer has failed; the next attempt begins better with less of this one told.
    if (this.#broken && !bytes.includes(END_MARKER)) throw this.#broken;
    this.#tail = Buffer.from(bytes.subarray(-END_MARKER.length));
    return [...pieces];
  }
}

function layersOf(encodings: readonly string[], fail: Fail): EncodingLayer[] {
  if (encodings.length > MAX_ENCODINGS) throw fail("provider_malformed", "too many encodings");
  return encodings.toReversed().map((name) => {
    const open = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
    return new EncodingLayer(open, fail);
  });
}
