/** The metrics of attempts: their results, and the phases until their first text. */
import type { CounterFamily, HistogramFamily, LabelValue, Metrics } from "@openclaw/metrics";
import type { AttemptPhases } from "./attempt-clock.ts";
import type { AttemptCounts, AttemptResult, AttemptTally } from "./attempt-counts.ts";

/** Results of hedges, as values of the label `hedge`. */
const HEDGES: Partial<Record<AttemptResult, LabelValue<"hedge">>> = {
  hedged: "asked",
  hedge_over_budget: "over_budget",
  hedge_won: "won",
  hedge_lost: "lost",
  hedge_failed: "failed",
};

export class AttemptMeter {
  readonly #metrics: Metrics;
  readonly #counts: AttemptCounts;
  readonly #attempts: CounterFamily<"openclaw_attempts_total">;
  readonly #hedges: CounterFamily<"openclaw_hedges_total">;
  readonly #phases: HistogramFamily<"openclaw_run_phase_seconds">;

  /** @param counts the same attempts for `/stats`, which adds them up over the cluster */
  constructor(metrics: Metrics, counts: AttemptCounts) {
    this.#metrics = metrics;
    this.#counts = counts;
    this.#attempts = metrics.counter("openclaw_attempts_total");
    this.#hedges = metrics.counter("openclaw_hedges_total");
    this.#phases = metrics.histogram("openclaw_run_phase_seconds");
  }

  /** Counts attempts with this provider. */
  of(provider: string): AttemptTally {
    return {
      count: (result) => {
        this.#counts.count(result);
        this.#count(provider, result);
      },
      timed: (phases) => this.#timed(provider, phases),
    };
  }

  #count(provider: string, result: AttemptResult): void {
    const hedge = HEDGES[result];
    if (hedge) this.#hedges.inc({ provider, hedge });
    // Any other result is a value of the label `result`. An unknown value counts as `other`.
    else this.#attempts.inc({ provider, result: result as LabelValue<"result"> });
  }

  #timed(provider: string, phases: AttemptPhases): void {
    const region = this.#metrics.regionOf(provider);
    for (const [phase, ms] of Object.entries(phases)) {
      // The keys are phases; `Object.entries` loses their type.
      const labels = { phase: phase as keyof AttemptPhases, provider, region };
      if (ms !== undefined) this.#phases.observe(labels, ms / 1_000);
    }
  }
}
