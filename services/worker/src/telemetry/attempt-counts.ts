import type { LossReason } from "@openclaw/stream";
import type { AttemptPhases } from "./attempt-clock.ts";

/** Why an attempt stopped without ending its run. */
export type LetGoReason =
  | LossReason
  /** This process leaves; the run goes on elsewhere. */
  | "stopping";

/** How an attempt came out. */
export type AttemptResult =
  | "finished"
  /** The provider failed, and the next one has the run. */
  | "failed_over"
  /** The provider failed, and will be asked once more. */
  | "postponed"
  /** The provider is known to be down: it was not asked, and the next one has the run. */
  | "passed_on"
  /** The provider was late, and the next one was asked as well; or might have been. */
  | "hedged"
  | "hedge_over_budget"
  /** How that came out for the next one. */
  | "hedge_won"
  | "hedge_lost"
  | "hedge_failed"
  | LetGoReason;

/** Where attempts with one provider are told of. */
export interface AttemptTally {
  count(result: AttemptResult): void;
  /** Where its time went; told once it is over. */
  timed?(phases: AttemptPhases): void;
}

/** What became of the attempts of this worker, in sums that add up over the cluster. */
export class AttemptCounts implements AttemptTally {
  #counts: Record<string, number> = {};

  count(result: AttemptResult): void {
    const name = `attempts:${result}`;
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  /** Attempts since the last call, as totals of the node registry. */
  takeTotals(): Record<string, number> {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }
}
