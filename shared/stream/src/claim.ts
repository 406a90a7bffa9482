/** A claim in the words of `claim.lua`, and its answer in ours. */
import type { RunState } from "@openclaw/protocol";
import { encodeEntry, type StartedEntry, type TerminalEntry } from "./entry.ts";
import type { Retention } from "./retention.ts";
import type { ClaimOutcome } from "./run-outcomes.ts";
import type { ScriptArgument } from "./script.ts";

/**
 * What one account did not manage twice is left to another, however many attempts a run may have; `retries` of its
 * configuration come on top.
 */
export const MAX_TRIES = 2;

/** What a worker says when it takes the right to write for a run. */
export interface Claim {
  readonly runId: string;
  /** Unique to this claim; the same lease again gets the same epoch. */
  readonly lease: string;
  readonly worker: string;
  /** Most attempts of the run, with all providers. */
  readonly maxAttempts: number;
  /** Most workers that the run may lose while they work on it. Lost attempts do not count as attempts. */
  readonly maxLost: number;
  /** How often this provider may be asked again, beyond `MAX_TRIES`. */
  readonly retries?: number;
  readonly started: StartedEntry;
  /** Ends a run that has had `maxAttempts` attempts. */
  readonly exhausted: TerminalEntry;
  /** Ends a run that has lost `maxLost` workers. */
  readonly lost: TerminalEntry;
  /** Ends a run whose `totalMs`, counted from its creation, are over. */
  readonly overdue: TerminalEntry;
  /** For a hedge: the epoch of the attempt that it stands in for, while that attempt has no token. */
  readonly hedges?: number;
}

/** ARGV of `claim.lua`, in its order. */
export function claimArguments(
  claim: Claim,
  channelPrefix: string,
  retention: Retention,
): ScriptArgument[] {
  return [
    claim.runId,
    channelPrefix,
    claim.lease,
    claim.worker,
    claim.maxAttempts,
    retention.liveMs,
    retention.resumeWindowMs,
    encodeEntry(claim.started),
    encodeEntry(claim.exhausted),
    claim.started.provider,
    retention.heldMs,
    claim.hedges ?? "",
    MAX_TRIES + (claim.retries ?? 0),
    encodeEntry(claim.overdue),
    claim.maxLost,
    encodeEntry(claim.lost),
  ];
}

/** Reads the answer of `claim.lua`. */
export function claimOutcomeOf(reply: unknown): ClaimOutcome {
  // The shape is the script's own.
  const [outcome, detail, ...counts] = reply as [string, (string | number)?, ...number[]];
  if (outcome === "claimed") {
    const [attempt = 1, tries = 1, begun = 1] = counts;
    return { outcome, epoch: Number(detail), attempt, tries, isFirst: begun === 1 };
  }
  if (outcome === "ended") return { outcome, state: detail as RunState };
  if (outcome === "moved") return { outcome, provider: String(detail) };
  if (outcome === "out_of_tries") return { outcome, epoch: Number(detail) };
  if (outcome === "held") return { outcome, forMs: Number(detail) };
  if (outcome === "lost") return { outcome, workers: Number(detail) };
  return { outcome: outcome as "answering" | "exhausted" | "overdue" | "unknown" };
}
