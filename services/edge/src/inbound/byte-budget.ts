/**
 * A bound in sum on the bytes that strangers may have this process keep.
 *
 * What each request may be is bounded elsewhere; a thousand that are each within their bound are too many all the same.
 * The last eighth is for short ones: who has a short question need not notice that somebody sends long ones.
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

  /** @param held bytes of the same request that are held already */
  hasRoom(bytes: number, held = 0): boolean {
    const most = bytes + held > SHORT_BYTES ? this.maxBytes * LONG_SHARE : this.maxBytes;
    return this.#used + bytes <= most && (this.#whole?.hasRoom(bytes, held) ?? true);
  }

  /** Undefined where there is no room. What is given must be released. */
  take(bytes: number): Reservation | undefined {
    const reservation = new Reservation(this);
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
  #bytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Holds so many more. Answers whether there was room; where not, it holds what it held. */
  grow(bytes: number): boolean {
    if (!this.#budget.hasRoom(bytes, this.#bytes)) return false;
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
