/**
 * Bounds what one connection may send in a time.
 *
 * uWebSockets.js reads a socket as fast as its client writes. Every frame costs time of all users of this edge.
 * Four sockets that send bad frames as fast as they can make the others wait for seconds. So each connection has a
 * budget, far above what a client needs. A connection that uses it up is closed.
 */
import type { Failure } from "@openclaw/protocol";

export interface Allowance {
  /** Most at once. */
  readonly burst: number;
  readonly perSecond: number;
}

const FRAMES: Allowance = { burst: 1_000, perSecond: 200 };
const BYTES: Allowance = { burst: 32 * 1024 * 1024, perSecond: 4 * 1024 * 1024 };
/** Of frames that a correct client never sends. */
const REFUSALS: Allowance = { burst: 100, perSecond: 1 };
/**
 * A refused frame costs one refusal, and one more for each 32 KiB. Reading a bad frame of 1 MiB takes about 40 ms
 * of all users of this edge. So a connection may send three at once.
 */
const BYTES_PER_REFUSAL = 32 * 1024;
/** A connection with more runs at once may send more, in proportion. */
const USUAL_RUNS = 32;

/** Fills up with time, up to its burst. */
class Bucket {
  readonly #allowance: Allowance;
  #left: number;
  #filledAt: number;

  constructor(allowance: Allowance, now: number) {
    this.#allowance = allowance;
    this.#left = allowance.burst;
    this.#filledAt = now;
  }

  /** Answers whether the bucket had so much. */
  take(amount: number, now: number): boolean {
    const { burst, perSecond } = this.#allowance;
    const refilled = ((now - this.#filledAt) / 1_000) * perSecond;
    this.#left = Math.min(burst, this.#left + refilled) - amount;
    this.#filledAt = now;
    return this.#left >= 0;
  }
}

export interface FrameBudgetOptions {
  /** Most runs at once on the connection. */
  readonly maxRuns?: number;
  /** The monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

export class FrameBudget {
  readonly #now: () => number;
  readonly #frames: Bucket;
  readonly #bytes: Bucket;
  readonly #refusals: Bucket;
  /** Of the last frame that was taken. */
  #frameBytes = 0;

  constructor({ maxRuns = 0, now = () => performance.now() }: FrameBudgetOptions = {}) {
    const times = Math.max(1, maxRuns / USUAL_RUNS);
    this.#now = now;
    this.#frames = new Bucket(scaled(FRAMES, times), now());
    this.#bytes = new Bucket(scaled(BYTES, times), now());
    this.#refusals = new Bucket(REFUSALS, now());
  }

  /**
   * A frame came. Answers whether it may be read.
   *
   * @param bytes of its text, or a little less
   */
  takeFrame(bytes: number): boolean {
    const now = this.#now();
    this.#frameBytes = bytes;
    // Both buckets are charged, even if the first is empty.
    const isInTime = this.#frames.take(1, now);
    return this.#bytes.take(bytes, now) && isInTime;
  }

  /** A ping or a pong came. Answers whether the connection may stay. */
  takeControl(): boolean {
    return this.#frames.take(1, this.#now());
  }

  /**
   * The last frame is refused. Answers whether its client may be told.
   *
   * A retryable refusal, such as a full queue, is not the client's fault. The client may try again as often as it
   * may send frames.
   */
  takeRefusal({ retryable }: Pick<Failure, "retryable">): boolean {
    if (retryable) return true;
    return this.#refusals.take(1 + this.#frameBytes / BYTES_PER_REFUSAL, this.#now());
  }
}

function scaled({ burst, perSecond }: Allowance, times: number): Allowance {
  return { burst: burst * times, perSecond: perSecond * times };
}
