/** What becomes of the questions that are asked of a run's record and its log. */
import type { RunState } from "@openclaw/protocol";
import type { Position } from "./position.ts";

/** `waiting`, `taken`: the id is another submission's; the first may not have reached its queue. */
export type CreateOutcome = "created" | "waiting" | "taken";

export type ClaimOutcome =
  /**
   * `attempt` counts all, and `tries` those in a row with this provider; both from 1, and without those that were
   * lost or released. `isFirst`: none of any kind has said something before.
   */
  | {
      readonly outcome: "claimed";
      readonly epoch: number;
      readonly attempt: number;
      readonly tries: number;
      readonly isFirst: boolean;
    }
  | { readonly outcome: "ended"; readonly state: RunState }
  /** The run is on another provider's queue by now. */
  | { readonly outcome: "moved"; readonly provider: string }
  /** Another attempt is at work on it; ask again after `forMs`. */
  | { readonly outcome: "held"; readonly forMs: number }
  /** This provider has had all its tries; the last one was `epoch`. The run may go to another provider. */
  | { readonly outcome: "out_of_tries"; readonly epoch: number }
  /** The attempt that a hedge was to stand in for has its first token, or has ended. */
  | { readonly outcome: "answering" }
  | { readonly outcome: "exhausted" }
  /** So many workers were lost while they worked on it; that ended it. */
  | { readonly outcome: "lost"; readonly workers: number }
  /** It should have been over by now, and is. */
  | { readonly outcome: "overdue" }
  | { readonly outcome: "unknown" };

export type MoveOutcome = "moved" | "fenced" | "ended" | "unknown";

/** `won`: a hedge of this attempt has claimed the run before. */
export type HedgeOutcome = "open" | "over" | "won";

export type EndOutcome = "ended" | "already" | "unknown";

export type WatchOutcome =
  | {
      readonly outcome: "watching";
      readonly state: RunState;
      readonly position: Position;
      readonly provider: string;
      readonly session: string;
      /**
       * For a run that goes on though nobody reads it, in how many ms it must be over, negative where it
       * should have been; undefined for one that ends with its readers.
       */
      readonly dueInMs: number | undefined;
      /** In how many ms it must be over, whoever reads it; undefined where nobody said so. */
      readonly leftMs: number | undefined;
      /** How long it has waited for a worker of its provider; undefined where it does not. */
      readonly waitedMs: number | undefined;
    }
  | { readonly outcome: "full" }
  | { readonly outcome: "unknown" };

/** Reads the answer of `watch.lua`. */
export function watchOutcomeOf(reply: unknown): WatchOutcome {
  // The shape is the script's own.
  const [outcome, state, epoch, seq, provider, owner, dueIn, left, waited] = reply as [
    "watching" | "full" | "unknown",
    RunState,
    number,
    number,
    string,
    string,
    number | "",
    number | "",
    number | "",
  ];
  if (outcome !== "watching") return { outcome };
  const [dueInMs, leftMs, waitedMs] = [dueIn, left, waited].map((ms) =>
    ms === "" ? undefined : ms,
  );
  const position = { epoch, seq };
  return { outcome, state, position, provider, session: owner, dueInMs, leftMs, waitedMs };
}
