/** What is measured of attempts: how they come out, and where the time until their first text goes. */
import type { CounterFamily, HistogramFamily, LabelValue, Metrics } from "@openclaw/metrics";
import type { AttemptPhases } from "./attempt-clock.ts";
import type { AttemptCounts, AttemptResult, AttemptTally } from "./attempt-counts.ts";

/** Results that tell of a second provider, as the label `hedge` says them. */
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

  /** @param counts what `/stats` adds up over the cluster, of the same attempts */
  constructor(metrics: Metrics, counts: AttemptCounts) {
    this.#metrics = metrics;
    this.#counts = counts;
    this.#attempts = metrics.counter("openclaw_attempts_total");
    this.#hedges = metrics.counter("openclaw_hedges_total");
    this.#phases = metrics.histogram("openclaw_run_phase_seconds");
  }

  /** Where attempts with this provider are told of. */
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
    // What is no hedge is a result of its own name; one that the label does not know counts as `other`.
    else this.#attempts.inc({ provider, result: result as LabelValue<"result"> });
  }

  #timed(provider: string, phases: AttemptPhases): void {
    const region = this.#metrics.regionOf(provider);
    for (const [phase, ms] of Object.entries(phases)) {
      // Its own keys are phases; `Object.entries` forgets them.
      const labels = { phase: phase as keyof AttemptPhases, provider, region };
      if (ms !== undefined) this.#phases.observe(labels, ms / 1_000);
    }
  }
}
