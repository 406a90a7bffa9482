/** One log line for each attempt, with all its numbers. */
import type { RunJob } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { TerminalEntry } from "@openclaw/stream";
import type { ProviderError } from "../provider/contract/provider-error.ts";
import type { AttemptClock } from "../telemetry/attempt-clock.ts";
import type { LetGoReason } from "../telemetry/attempt-counts.ts";
import type { Continuance } from "./fail-over.ts";

/** The result of an attempt: its terminal entry, or the reason why it wrote none. */
export type AttemptOutcome =
  | { readonly terminal: TerminalEntry; readonly error?: ProviderError | undefined }
  | (Continuance & { readonly error: ProviderError })
  | { readonly lost: LetGoReason };

interface Report {
  readonly epoch: number;
  readonly outcome: AttemptOutcome;
  readonly clock: AttemptClock;
  readonly log: Logger;
}

export function reportAttempt(
  { runId, provider }: RunJob,
  { epoch, outcome, clock, log }: Report,
): void {
  const facts = { runId, epoch, provider, ...clock.read() };
  if ("lost" in outcome) {
    // `ended` is mostly a user's cancel. The other reasons are faults.
    const level = outcome.lost === "ended" ? "info" : "warn";
    log[level]({ ...facts, reason: outcome.lost }, "attempt let go");
    return;
  }
  if (!("terminal" in outcome)) {
    const { error, ...continuance } = outcome;
    const what = "movedTo" in continuance ? "attempt failed over" : "attempt postponed";
    log.warn({ ...facts, ...factsOf(error), code: error.code, ...continuance }, what);
    return;
  }
  const { terminal, error } = outcome;
  if (terminal.type === "failed") {
    const { code } = terminal.failure;
    log.warn({ ...facts, ...factsOf(error), outcome: terminal.type, code }, "attempt finished");
  } else log.info({ ...facts, outcome: terminal.type }, "attempt finished");
}

/** Facts for the operator, which no client gets. */
function factsOf(error: ProviderError | undefined) {
  return { httpStatus: error?.status, detail: error?.detail };
}
