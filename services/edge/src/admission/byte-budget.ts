/**
 * A bound in sum on the bytes that strangers may have this process keep.
 *
 * What each request may be is bounded elsewhere; a thousand that are each within their bound are too many all the same.
 * The last eighth is for short requests, so that long requests of one client do not keep out short questions of others.
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

  /** @param held bytes of the same request that are held already, or will be needed beside these */
  hasRoom(bytes: number, held = 0): boolean {
    const most = bytes + held > SHORT_BYTES ? this.maxBytes * LONG_SHARE : this.maxBytes;
    return this.#used + bytes <= most && (this.#whole?.hasRoom(bytes, held) ?? true);
  }

  /**
   * Undefined where there is no room. What is given must be released.
   *
   * @param expectedBytes what it will grow to, as far as that is known: a long request is long from its first byte
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

/** Bytes of a budget that somebody holds. */
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

  /** Holds so many more. Answers whether there was room; where not, it holds what it held. */
  grow(bytes: number): boolean {
    const others = Math.max(this.#bytes, this.#expectedBytes - bytes);
    if (!this.#budget.hasRoom(bytes, others)) return false;
    this.#budget.add(bytes);
    this.#bytes += bytes;
    return true;
  }

  /** Gives everything back. Safe twice. */
  release(): void {
    this.#budget.add(-this.#bytes);
    this.#bytes = 0;
  }
}
