/** The terminal entry of an attempt that did not complete its answer. */
import { type Failure, failure, isErrorCode } from "@openclaw/protocol";
import type { RunJob } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { TerminalEntry } from "@openclaw/stream";
import { ProviderError } from "../provider/contract/provider-error.ts";
import { policyOf } from "../provider/health/failure-policy.ts";
import type { AttemptClock } from "../telemetry/attempt-clock.ts";
import { AttemptLostError } from "./let-go.ts";

export function terminalOf(
  job: RunJob,
  error: unknown,
  { clock, log }: { readonly clock: AttemptClock; readonly log: Logger },
): TerminalEntry {
  if (error instanceof AttemptLostError && error.reason === "orphaned") {
    return { type: "cancelled", reason: "orphaned" };
  }
  return { type: "failed", failure: failureOf(job, error, log), timings: clock.read() };
}

/** Whether the run ended because it had no reader. */
export function isAbandoned(terminal: TerminalEntry): boolean {
  return terminal.type === "cancelled" && terminal.reason === "orphaned";
}

function failureOf({ failed }: RunJob, error: unknown, log: Logger): Failure {
  if (error instanceof ProviderError) {
    // The user knows of the provider that failed first. A refusal of the request itself says more.
    const isFirst = failed === undefined || policyOf(error.code).elsewhere !== true;
    if (isFirst || !isErrorCode(failed.code)) return error.failure;
    return failure(failed.code, `${failed.message} No other provider could answer in its place.`);
  }
  if (error instanceof AttemptLostError) return failure("answer_too_large");
  log.error({ err: error }, "run failed unexpectedly");
  return failure("internal");
}
