/** An attempt that stops without ending its run. */
import { type RunJob, RunReleasedError } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import type { LetGoReason } from "../telemetry/attempt-counts.ts";
import type { AnswerContext } from "./attempt-context.ts";
import type { AttemptOutcome } from "./attempt-report.ts";
import { failRun } from "./fail-run.ts";

/** Longest time for the release of a run. Without a release, other workers wait until this attempt counts as lost. */
const RELEASE_WITHIN_MS = 500;

/** The attempt may not write any more. Only an abort reason. */
export class AttemptLostError extends Error {
  readonly code = "attempt_lost";
  readonly reason: LetGoReason;

  constructor(reason: LetGoReason) {
    super(`the attempt lost its run: ${reason}`);
    this.name = "AttemptLostError";
    this.reason = reason;
  }
}

/** The run is open, but this attempt cannot continue it. The next attempt begins the answer again. */
export class RunHandedBackError extends Error {
  readonly code = "run_handed_back";

  constructor(runId: string, reason: LetGoReason) {
    super(`run ${runId} is handed back: ${reason}`);
    this.name = "RunHandedBackError";
  }
}

/** Whether the attempt may still end its run, although it may write no more of the answer. */
export function mayStillEnd(reason: LetGoReason): reason is "too_large" | "orphaned" {
  return reason === "too_large" || reason === "orphaned";
}

/**
 * Hands an open run back to its queue. Does nothing for a run that is no longer this attempt's.
 *
 * @throws RunReleasedError, RunHandedBackError
 */
export async function letGo(
  job: RunJob,
  reason: LetGoReason,
  context: AnswerContext,
): Promise<AttemptOutcome> {
  context.counts.count(reason);
  if (reason === "stopping") {
    await release(job, context);
    throw new RunReleasedError(job.runId);
  }
  if (reason === "broken") {
    const { fault, position } = context.writer;
    await failRun(job, fault, context, position);
  }
  if (reason === "gap" || reason === "unavailable") {
    throw new RunHandedBackError(job.runId, reason);
  }
  return { lost: reason };
}

/** Lets the next worker claim the run at once. */
async function release({ runId, provider }: RunJob, context: AnswerContext): Promise<void> {
  const { records, writer, epoch, log } = context;
  try {
    await writer.flush();
    await retryFor(
      () => records.move({ runId, epoch, from: provider, provider, because: "release" }),
      RELEASE_WITHIN_MS,
    );
  } catch (error) {
    log.debug({ runId, epoch, err: error }, "run not released");
  }
}
