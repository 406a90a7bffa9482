/**
 * What one connection may send in a time.
 *
 * uWebSockets.js reads a socket as fast as it is written to, and every frame costs the time of all users of this edge:
 * four sockets that send a bad frame as fast as they can are enough to make the others wait for seconds. So a
 * connection has a budget, far above what a client needs, and is closed when it is used up.
 */
import type { Failure } from "@openclaw/protocol";

export interface Allowance {
  /** Most at once. */
  readonly burst: number;
  readonly perSecond: number;
}

const FRAMES: Allowance = { burst: 1_000, perSecond: 200 };
const BYTES: Allowance = { burst: 32 * 1024 * 1024, perSecond: 4 * 1024 * 1024 };
/** Of frames that no client in order sends. */
const REFUSALS: Allowance = { burst: 100, perSecond: 1 };
/**
 * A refused frame costs one refusal, and one more for each 32 KiB. Reading a bad frame of 1 MiB takes about 40 ms of all
 * users of this edge, so a connection may send three at once.
 */
const BYTES_PER_REFUSAL = 32 * 1024;
/** With more runs at once than these a connection may send more, in proportion. */
const USUAL_RUNS = 32;

/** Fills up by itself, up to its burst. */
class Bucket {
  readonly #allowance: Allowance;
  #left: number;
  #filledAt: number;

  constructor(allowance: Allowance, now: number) {
    this.#allowance = allowance;
    this.#left = allowance.burst;
    this.#filledAt = now;
  }

  /** Answers whether there was as much. */
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
  /** Of the frame that was taken last. */
  #frameBytes = 0;

  constructor({ maxRuns = 0, now = () => performance.now() }: FrameBudgetOptions = {}) {
    const times = Math.max(1, maxRuns / USUAL_RUNS);
    this.#now = now;
    this.#frames = new Bucket(scaled(FRAMES, times), now());
    this.#bytes = new Bucket(scaled(BYTES, times), now());
    this.#refusals = new Bucket(REFUSALS, now());
  }

  /** A frame came. Answers whether it may be read. @param bytes of its text, or a little less */
  takeFrame(bytes: number): boolean {
    const now = this.#now();
    this.#frameBytes = bytes;
    // Both, whatever the first one answers.
    const isInTime = this.#frames.take(1, now);
    return this.#bytes.take(bytes, now) && isInTime;
  }

  /** A ping or a pong came. Answers whether the connection may stay. */
  takeControl(): boolean {
    return this.#frames.take(1, this.#now());
  }

  /**
   * The frame that was taken last is refused. Answers whether its client may be told.
   *
   * A refusal that passes by itself (no place, no queue) is no fault of its client, which may try as often as it may
   * send frames.
   */
  takeRefusal({ retryable }: Pick<Failure, "retryable">): boolean {
    if (retryable) return true;
    return this.#refusals.take(1 + this.#frameBytes / BYTES_PER_REFUSAL, this.#now());
  }
}

function scaled({ burst, perSecond }: Allowance, times: number): Allowance {
  return { burst: burst * times, perSecond: perSecond * times };
}
