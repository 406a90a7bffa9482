/**
 * One job, from taking it to the end of what it asks for: a run, or a hedge of one.
 */
import { type RunJob, RunPostponedError } from "@openclaw/queue";
import { type AttemptContext, workOnRun } from "./attempt.ts";
import { claimRun } from "./claim-run.ts";
import { executeHedge } from "./execute-hedge.ts";
import { passOn, requeue } from "./fail-over.ts";

/**
 * Works on a job until its run has ended or is no longer ours.
 *
 * @throws RunHandedBackError, RunPostponedError when the run is still open but cannot go on here, so
 *   that the queue offers it again; also what Redis throws before the run was claimed
 */
export async function executeRun(job: RunJob, context: AttemptContext): Promise<void> {
  if (job.hedges !== undefined && (await executeHedge(job, context)) !== "won before") return;
  const run = { ...job, hedges: undefined };
  if (await isPassedOn(run, context)) return;
  const claim = await claimRun(run, context);
  switch (claim.outcome) {
    case "claimed":
      context.hedges.note();
      await workOnRun(run, claim, context);
      return;
    case "moved":
      // By an attempt whose worker then died: it may or may not have got as far as the queue. Why is not
      // known any more, so what it said is not to be built upon.
      await requeue({ ...run, anew: true }, claim.provider, context.queues);
      break;
    case "held":
      // The queue took its worker for dead too soon, or this one stood still and is late.
      throw new RunPostponedError(job.runId, claim.forMs);
  }
  context.log.info({ runId: job.runId, outcome: claim.outcome }, "run not taken");
}

/** A run of a provider that is known to be down waits for nobody. */
async function isPassedOn(job: RunJob, context: AttemptContext): Promise<boolean> {
  const code = context.provider.health.closedFor;
  if (code === undefined || !(await passOn(job, context))) return false;
  const { runId, provider } = job;
  context.counts.count("passed_on");
  context.log.info({ runId, provider, code }, "run passed on");
  return true;
}
