import { type LatencyCounts, LatencyHistogram } from "./latency-histogram.ts";

/** What is shown covers the last 5 to 10 minutes: long enough to count, short enough to be now. */
const PERIOD_MS = 300_000;

/** A latency histogram that forgets: the current period and the one before it. */
export class RecentLatency {
  readonly #now: () => number;
  #current = new LatencyHistogram();
  #previous = new LatencyHistogram();
  #periodEndsAt: number;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#periodEndsAt = now() + PERIOD_MS;
  }

  record(durationMs: number): void {
    this.#forget();
    this.#current.record(durationMs);
  }

  recordFailure(): void {
    this.#forget();
    this.#current.recordFailure();
  }

  counts(): LatencyCounts {
    this.#forget();
    const both = new LatencyHistogram();
    both.merge(this.#previous.counts());
    both.merge(this.#current.counts());
    return both.counts();
  }

  #forget(): void {
    const late = this.#now() - this.#periodEndsAt;
    if (late < 0) return;
    this.#previous = late < PERIOD_MS ? this.#current : new LatencyHistogram();
    this.#current = new LatencyHistogram();
    this.#periodEndsAt += PERIOD_MS * (1 + Math.floor(late / PERIOD_MS));
  }
}
