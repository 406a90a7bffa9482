/** The part of one run in an append call, and its answer. */
import type { TerminalState } from "@openclaw/protocol";

/** Why an attempt may not write (any more). */
export type LossReason =
  | "fenced" // another attempt holds the run
  | "ended" // cancelled, or past a deadline
  | "unknown" // the run is not known: Redis lost it, or it expired
  | "gap" // Redis lost entries that it had acknowledged
  | "too_large" // the log is full; a terminal entry is still taken
  | "orphaned" // no edge listens any more; a terminal entry is still taken
  | "broken" // Redis answers, but cannot work with the run's record or log
  | "unavailable"; // Redis did not answer for too long

export type AppendOutcome = "appended" | LossReason;

/** The part of one run in an append call. `firstSeq` to `firstSeq + payloads.length - 1`. */
export interface RunBatch {
  readonly firstSeq: number;
  readonly payloads: readonly Buffer[];
  /** Of the payloads as they are published; a little too much rather than too little. */
  readonly bytes: number;
  /**
   * How many payloads are in the log alone, from the first on. The last one is short then, and published: its
   * readers see that something is missing, and read the log.
   */
  readonly unpublished: number;
  /** The state a terminal entry puts the run in; '' without one. */
  readonly closes: TerminalState | "";
}

/** The answer to a run's part of an append call. */
export interface RunAnswer {
  readonly outcome: AppendOutcome;
  /** How many subscribers heard it; undefined where that is not known, as after a repeated call. */
  readonly listeners?: number | undefined;
  /** What Redis says of a run that is `broken`. */
  readonly fault?: Error | undefined;
}
