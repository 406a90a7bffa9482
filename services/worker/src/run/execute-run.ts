/** The story of one job, from its queue to the end of its run. A job asks for a run, or for a hedge of a run. */
import { type RunJob, RunPostponedError, RunReleasedError } from "@openclaw/queue";
import { isOutage } from "@openclaw/runtime";
import { workOnRun } from "./attempt.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { claimRun, leaveUnclaimed } from "./claim-run.ts";
import { avoidsClosed } from "./closed-provider.ts";
import { executeHedge } from "./execute-hedge.ts";
import { failRun } from "./fail-run.ts";
import { RunHandedBackError } from "./let-go.ts";

/**
 * Works on a job until its run has ended or is no longer this worker's.
 *
 * @throws RunHandedBackError, RunReleasedError, RunPostponedError for an open run that cannot go on here: the queue
 *   offers it again. Also the error of Redis during an outage
 */
export async function executeRun(job: RunJob, context: AttemptContext): Promise<void> {
  try {
    await execute(job, context);
  } catch (error) {
    if (isStillOpen(error) || isOutage(error)) throw error;
    if (job.hedges === undefined) await failRun(job, error, context);
    // The first attempt goes on, and meets the same fault.
    else context.log.error({ runId: job.runId, err: error }, "hedge cannot be worked on");
  }
}

async function execute(job: RunJob, context: AttemptContext): Promise<void> {
  const takenAt = performance.now();
  if (job.hedges !== undefined && (await executeHedge(job, context)) === "done") return;
  const run = { ...job, hedges: undefined };
  if (await avoidsClosed(run, context)) return;
  const claim = await claimRun(run, context);
  if (claim.outcome !== "claimed") return await leaveUnclaimed(run, claim, context);
  context.hedges.note();
  await workOnRun(run, { ...claim, pickUpMs: performance.now() - takenAt }, context);
}

/** The run goes on, with another job or with this one. */
function isStillOpen(error: unknown): boolean {
  return [RunHandedBackError, RunPostponedError, RunReleasedError].some(
    (kind) => error instanceof kind,
  );
}
