/** How a provider has been doing lately, in a form that one process reports and others choose by. */
import type { ErrorCode } from "@openclaw/protocol";
import type { LabelValue } from "./labels.ts";

/** What one worker knows of one provider right now. */
export interface ProviderHealthReport {
  /** Whether runs are spent on it; `open`: its circuit breaker lets none through. */
  readonly state: LabelValue<"state">;
  /** The failure that it is left alone for. */
  readonly code?: ErrorCode;
  /** From asking to the first token, in milliseconds; absent where nothing is known of the last minute. */
  readonly firstTokenMs?: number;
  /** Share of recent attempts that failed, 0 to 1; absent likewise. */
  readonly failureShare?: number;
}

/** Weight of the newest sample: about the last ten of them count. */
const WEIGHT = 0.2;
/** Older results do not show the present state, and would keep runs from a provider for ever. */
const FORGOTTEN_MS = 60_000;

/** A moving average that is forgotten when nothing is added to it. */
export class RecentMean {
  readonly #now: () => number;
  #mean: number | undefined;
  #addedAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  add(sample: number): void {
    const mean = this.value;
    this.#mean = mean === undefined ? sample : mean + WEIGHT * (sample - mean);
    this.#addedAt = this.#now();
  }

  get value(): number | undefined {
    return this.#now() - this.#addedAt > FORGOTTEN_MS ? undefined : this.#mean;
  }
}
