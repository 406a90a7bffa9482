import type { LossReason } from "@openclaw/stream";
import type { AttemptPhases } from "./attempt-clock.ts";

/** Why an attempt stopped without an end of its run. */
export type LetGoReason =
  | LossReason
  /** This process leaves, and the run goes on elsewhere. */
  | "stopping";

/** The result of an attempt. */
export type AttemptResult =
  | "finished"
  /** The provider failed, and the next one has the run. */
  | "failed_over"
  /** The provider failed, and will get the run again. */
  | "postponed"
  /** The provider is known to fail. It was not asked, and the next provider has the run. */
  | "passed_on"
  /** The provider was late, and a hedge was added, or would have been. */
  | "hedged"
  | "hedge_over_budget"
  /** The result of the hedge. */
  | "hedge_won"
  | "hedge_lost"
  | "hedge_failed"
  | LetGoReason;

/** Counts attempts with one provider. */
export interface AttemptTally {
  count(result: AttemptResult): void;
  /** The times of an attempt, once it is over. */
  timed?(phases: AttemptPhases): void;
}

/** The results of this worker's attempts, in sums that add up over the cluster. */
export class AttemptCounts implements AttemptTally {
  #counts: Record<string, number> = {};

  count(result: AttemptResult): void {
    const name = `attempts:${result}`;
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  /** Returns the attempts since the last call, as totals of the node registry. */
  takeTotals(): Record<string, number> {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }
}
