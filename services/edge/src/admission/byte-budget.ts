/**
 * Bounds the sum of the bytes that clients may make this process keep.
 *
 * The limit of one request is elsewhere. But a thousand requests within that limit are too many all the same. The
 * last eighth is for short requests: long requests of one client must not keep out short questions of others.
 */
export const SHORT_BYTES = 16 * 1024;
const LONG_SHARE = 7 / 8;

export class ByteBudget {
  readonly maxBytes: number;
  readonly #whole: ByteBudget | undefined;
  #used = 0;

  /** @param whole another budget, of which this one is a part */
  constructor(maxBytes: number, whole?: ByteBudget) {
    this.maxBytes = maxBytes;
    this.#whole = whole;
  }

  get usedBytes(): number {
    return this.#used;
  }

  /** @param held bytes of the same request that are already held, or will be needed as well */
  hasRoom(bytes: number, held = 0): boolean {
    const most = bytes + held > SHORT_BYTES ? this.maxBytes * LONG_SHARE : this.maxBytes;
    return this.#used + bytes <= most && (this.#whole?.hasRoom(bytes, held) ?? true);
  }

  /**
   * Undefined if there is no room. The caller must release the reservation.
   *
   * @param expectedBytes the length that the request will have, if known: a long request is long from its first
   * byte
   */
  take(bytes: number, expectedBytes = bytes): Reservation | undefined {
    const reservation = new Reservation(this, expectedBytes);
    return reservation.grow(bytes) ? reservation : undefined;
  }

  /** For reservations: `bytes` more, or fewer. */
  add(bytes: number): void {
    this.#used += bytes;
    this.#whole?.add(bytes);
  }
}

/** The share of a budget that a request holds, in bytes. */
export class Reservation {
  readonly #budget: ByteBudget;
  readonly #expectedBytes: number;
  #bytes = 0;

  constructor(budget: ByteBudget, expectedBytes: number) {
    this.#budget = budget;
    this.#expectedBytes = expectedBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Holds so many more. Answers whether there was room. Without room, the reservation stays as it was.
   */
  grow(bytes: number): boolean {
    const others = Math.max(this.#bytes, this.#expectedBytes - bytes);
    if (!this.#budget.hasRoom(bytes, others)) return false;
    this.#budget.add(bytes);
    this.#bytes += bytes;
    return true;
  }

  /** Gives all bytes back. Safe to call twice. */
  release(): void {
    this.#budget.add(-this.#bytes);
    this.#bytes = 0;
  }
}
