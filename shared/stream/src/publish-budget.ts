/**
 * How much of what a worker appends it also publishes.
 *
 * Redis keeps what an edge has not read yet, and cuts its subscription at 32 MiB. Nothing tells a worker how far an
 * edge is behind. So it publishes only what an edge can be trusted to read at once. The rest is in the log, from where
 * each edge fetches it as fast as it can.
 */

/** Batches up to this size are always published: what people read as it is written. */
const ALWAYS_BYTES = 4 * 1024;
/** Larger ones never are. */
const MOST_BYTES = 64 * 1024;
/** Those in between are published at this rate, and this much at once. */
const BYTES_A_SECOND = 4 * 1024 * 1024;
const BURST_BYTES = 1024 * 1024;

export class PublishBudget {
  readonly #now: () => number;
  #left = BURST_BYTES;
  #filledAt: number;

  /** @param now in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#filledAt = now();
  }

  /** Whether a batch of one run is to be published whole; if so, that is spent. */
  take(bytes: number): boolean {
    if (bytes <= ALWAYS_BYTES) return true;
    if (bytes > MOST_BYTES) return false;
    const now = this.#now();
    const gained = ((now - this.#filledAt) / 1_000) * BYTES_A_SECOND;
    this.#left = Math.min(BURST_BYTES, this.#left + gained);
    this.#filledAt = now;
    if (this.#left < bytes) return false;
    this.#left -= bytes;
    return true;
  }
}
