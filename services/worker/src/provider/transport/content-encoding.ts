/**
 * Undoes the `content-encoding` of a response, piece by piece.
 *
 * The worker asks for no compression, since compression collects text that the user should see at once. Some proxies
 * compress all the same. Flushed data is decoded at once.
 */
import zlib from "node:zlib";
import type { Fail, ProviderError } from "../contract/provider-error.ts";
import { EncodingLayer, type OpenDecoder, tooMuch } from "./encoding-layer.ts";

/** The largest decoded body: a hundred times the longest answer. */
const MAX_BODY_BYTES = 400 * 1024 * 1024;
/** Most encodings on top of each other. We have never seen more than two. */
const MAX_ENCODINGS = 4;

/** Behind it, a body may be broken. */
const END_MARKER = "[DONE]";

const GZIP_BEGINNING = 0x1f;

const gzip: OpenDecoder = (firstByte) =>
  // A proxy may have decompressed the body and kept the header.
  firstByte === GZIP_BEGINNING ? zlib.createGunzip(FLUSHED) : undefined;
const FLUSHED = { flush: zlib.constants.Z_SYNC_FLUSH };

const DECODERS: Readonly<Record<string, OpenDecoder | undefined>> = {
  identity: () => undefined,
  gzip,
  "x-gzip": gzip,
  // With the zlib header, as specified, or without it, as some servers send it.
  deflate: (firstByte) =>
    gzip(firstByte) ??
    ((firstByte & 0x0f) === 8 ? zlib.createInflate(FLUSHED) : zlib.createInflateRaw(FLUSHED)),
  br: () => zlib.createBrotliDecompress(),
  zstd: zstdOf(zlib),
};

/** Only newer versions of Node have zstd. */
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

/** A body, decoded if it is encoded. */
export class DecodedBody {
  readonly #raw: AsyncIterator<Uint8Array>;
  readonly #layers: readonly EncodingLayer[];
  readonly #fail: Fail;
  #waiting: Uint8Array[] = [];
  /** The end of the last bytes, which may be the beginning of an end marker. */
  #tail = Buffer.alloc(0);
  /** Thrown once `#waiting` is empty. */
  #broken: ProviderError | undefined;
  #decodedBytes = 0;
  #isDecoding = false;
  #isOver = false;

  /** @throws ProviderError for too many encodings */
  constructor(raw: AsyncIterable<Uint8Array>, encodings: readonly string[], fail: Fail) {
    this.#raw = raw[Symbol.asyncIterator]();
    this.#fail = fail;
    this.#layers = layersOf(encodings, fail);
  }

  /** A piece has arrived that `next` has not returned yet. */
  get isDecoding(): boolean {
    return this.#isDecoding || this.#waiting.length > 0;
  }

  /** Returns the next bytes, never empty; undefined at the end, even in the middle of an encoding. */
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

  /** The bytes that the layers still hold. */
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
    // Without the marker the answer has failed. The less of it is passed on, the better for the next attempt.
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
