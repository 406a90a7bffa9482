/**
 * The body of one request while it comes: in one buffer, within the budget of this edge.
 *
 * Room is taken as the bytes come. If `content-length` alone took it, a client could keep other clients out and
 * send nothing.
 *
 * The memory of an ordinary buffer is freed by garbage collection, which an idle edge may not run for many minutes.
 * A resizable buffer frees its pages at once when it is made empty. It costs the kernel two mappings, of which a
 * process has about 65,000. So short bodies use ordinary buffers.
 */
import type { ByteBudget, Reservation } from "../../admission/byte-budget.ts";

/** A longer body is put into a resizable buffer. */
const RESIZABLE_FROM_BYTES = 64 * 1024;

/** Newer than the language version of the types here. Every supported Node has it. */
interface ResizableBuffer extends ArrayBuffer {
  resize(bytes: number): void;
}
const Resizable = ArrayBuffer as unknown as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => ResizableBuffer;

export interface IncomingBodyOptions {
  readonly budget: ByteBudget;
  /** The value of `content-length`; undefined if the body comes in chunks of unknown number. */
  readonly declaredBytes: number | undefined;
  /** The most bytes that are kept, unless fewer are declared. */
  readonly maxBytes: number;
}

export class IncomingBody {
  readonly #reserved: Reservation;
  readonly #mostBytes: number;
  #short: Buffer[] = [];
  #long: ResizableBuffer | undefined;
  #length = 0;

  private constructor(reserved: Reservation, { declaredBytes, maxBytes }: IncomingBodyOptions) {
    this.#reserved = reserved;
    this.#mostBytes = declaredBytes ?? maxBytes;
  }

  /** Undefined if there is no room for the declared bytes. The caller must release the body. */
  static open(options: IncomingBodyOptions): IncomingBody | undefined {
    const { budget, declaredBytes = 0 } = options;
    if (!budget.hasRoom(declaredBytes)) return undefined;
    const reserved = budget.take(0, declaredBytes);
    return reserved && new IncomingBody(reserved, options);
  }

  /** Keeps a copy of the chunk. Answers whether there was room. */
  add(chunk: ArrayBuffer): boolean {
    const length = this.#length + chunk.byteLength;
    if (length > this.#mostBytes) return false;
    if (!this.#reserved.grow(chunk.byteLength)) return false;
    if (!this.#long && length > RESIZABLE_FROM_BYTES) this.#lengthen();
    if (this.#long) {
      this.#long.resize(length);
      new Uint8Array(this.#long, this.#length).set(new Uint8Array(chunk));
    } else this.#short.push(Buffer.from(new Uint8Array(chunk)));
    this.#length = length;
    return true;
  }

  /** The bytes so far. They must not be used after `release`. */
  get bytes(): Buffer {
    return this.#long ? Buffer.from(this.#long, 0, this.#length) : Buffer.concat(this.#short);
  }

  /** Gives memory and room back. Safe to call twice. */
  release(): void {
    this.#long?.resize(0);
    this.#long = undefined;
    this.#short = [];
    this.#reserved.release();
  }

  #lengthen(): void {
    this.#long = new Resizable(this.#length, { maxByteLength: this.#mostBytes });
    Buffer.concat(this.#short).copy(new Uint8Array(this.#long));
    this.#short = [];
  }
}
