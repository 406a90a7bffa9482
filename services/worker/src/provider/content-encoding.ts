/**
 * Undoes the `content-encoding` of a response, piece by piece.
 *
 * None is asked for, since compression gathers text that is to be seen at once; but proxies compress all
 * the same. What the provider flushed is given at once. Each decoder is fed one piece and gives all that
 * is in it before the next is read, so that nothing decoded is lost where the connection breaks.
 */
import zlib from "node:zlib";
import type { Fail } from "./provider-error.ts";

/** What one piece from the network, 64 KiB or less, may become. Event streams come to a tenth of it. */
const MAX_PIECE_BYTES = 8 * 1024 * 1024;
/** What all of a body may become: a hundred times the longest answer. */
const MAX_BODY_BYTES = 400 * 1024 * 1024;
/** Encodings on top of each other. More than two have never been seen. */
const MAX_ENCODINGS = 4;

type Transform = zlib.Gunzip | zlib.Inflate | zlib.InflateRaw | zlib.BrotliDecompress;

/** Makes what decodes a body, by its first byte: the name does not always tell. */
type OpenDecoder = (firstByte: number) => Transform | undefined;

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
  readonly #layers: readonly Layer[];
  readonly #fail: Fail;
  #waiting: Uint8Array[] = [];
  #decodedBytes = 0;
  #isDecoding = false;

  /** @throws ProviderError where an encoding is not known */
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
      const { done, value } = await this.#raw.next();
      if (done) return undefined;
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

  async #decode(piece: Uint8Array): Promise<Uint8Array[]> {
    let pieces = [piece];
    for (const layer of this.#layers) pieces = await layer.decode(pieces);
    for (const { length } of pieces) this.#decodedBytes += length;
    if (this.#decodedBytes > MAX_BODY_BYTES) throw tooMuch(this.#fail);
    return pieces;
  }
}

function layersOf(encodings: readonly string[], fail: Fail): Layer[] {
  if (encodings.length > MAX_ENCODINGS) throw fail("provider_malformed", "too many encodings");
  return encodings.toReversed().map((name) => {
    const open = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
    if (open) return new Layer(open, fail);
    throw fail("provider_malformed", "an unknown content-encoding");
  });
}

/** One encoding. */
class Layer {
  readonly #open: OpenDecoder;
  readonly #fail: Fail;
  #transform: Transform | undefined;
  #isOpen = false;
  #isOver = false;
  #decoded: Uint8Array[] = [];
  #bytes = 0;

  constructor(open: OpenDecoder, fail: Fail) {
    this.#open = open;
    this.#fail = fail;
  }

  /**
   * Gives all that is in one piece from the network, of which an outer encoding may have made several.
   *
   * @throws ProviderError where it is not what it is said to be, or more than a piece may become
   */
  async decode(pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
    this.#bytes = 0;
    for (const piece of pieces) await this.#take(piece);
    const decoded = this.#decoded;
    this.#decoded = [];
    return decoded;
  }

  async #take(piece: Uint8Array): Promise<void> {
    const [firstByte] = piece;
    if (firstByte === undefined || this.#isOver) return;
    if (!this.#isOpen) this.#begin(firstByte);
    const transform = this.#transform;
    if (transform === undefined) {
      this.#decoded.push(piece);
      return;
    }
    const error = await feed(transform, piece);
    if (this.#bytes > MAX_PIECE_BYTES) throw tooMuch(this.#fail);
    if (error) throw this.#fail("provider_malformed", "broken compression");
  }

  close(): void {
    this.#transform?.destroy();
  }

  #begin(firstByte: number): void {
    this.#isOpen = true;
    const transform = this.#open(firstByte);
    this.#transform = transform;
    transform?.on("data", (bytes: Uint8Array) => {
      this.#decoded.push(bytes);
      this.#bytes += bytes.length;
      if (this.#bytes > MAX_PIECE_BYTES) transform.destroy(new Error("too much"));
    });
    // What follows the end of what was encoded is no part of it.
    transform?.on("end", () => {
      this.#isOver = true;
    });
    transform?.on("error", ignore);
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

function tooMuch(fail: Fail) {
  return fail("provider_malformed", "a compressed body without end");
}

function ignore(): void {
  // Whoever feeds the decoder hears of it; it may also fail when it is closed.
}
