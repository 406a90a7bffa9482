import { type ProviderHealthReport, RecentMean } from "@openclaw/metrics";
import type { ErrorCode } from "@openclaw/protocol";
import { CircuitBreaker, type CircuitBreakerOptions } from "./circuit-breaker.ts";
import { policyOf } from "./failure-policy.ts";

/** How one provider account fares with the runs of this process, and whether more are to be spent on it. */
export class ProviderHealth {
  readonly #breaker: CircuitBreaker;
  readonly #firstTokenMs = new RecentMean();
  readonly #failures = new RecentMean();

  constructor(options: CircuitBreakerOptions) {
    this.#breaker = new CircuitBreaker(options);
  }

  /** Why no run is to be spent on it right now; undefined where one may be. */
  get closedFor(): ErrorCode | undefined {
    return this.#breaker.code;
  }

  /** The first token of an attempt came. */
  spoke(afterMs: number): void {
    this.#firstTokenMs.add(afterMs);
  }

  /** An attempt came to the end of its answer. */
  finished(): void {
    this.#failures.add(0);
    this.#breaker.succeeded();
  }

  /** An attempt failed. What lies in the request says nothing of the provider. */
  failed(code: ErrorCode): void {
    const { counts, disablesMs, elsewhere } = policyOf(code);
    if (elsewhere) this.#failures.add(1);
    if (disablesMs !== undefined) this.#breaker.disable(code, disablesMs);
    else if (counts) this.#breaker.failed(code);
  }

  report(): ProviderHealthReport {
    const [code, firstTokenMs, failureShare] = [
      this.closedFor,
      this.#firstTokenMs.value,
      this.#failures.value,
    ];
    return {
      state: code === undefined ? "closed" : "open",
      ...(code !== undefined && { code }),
      ...(firstTokenMs !== undefined && { firstTokenMs: Math.round(firstTokenMs) }),
      ...(failureShare !== undefined && { failureShare: Math.round(failureShare * 100) / 100 }),
    };
  }

  stop(): void {
    this.#breaker.stop();
  }
}
