/**
 * One job, from taking it to the end of what it asks for: a run, or a hedge of one.
 */
import { failure } from "@openclaw/protocol";
import { type RunJob, RunPostponedError, RunReleasedError } from "@openclaw/queue";
import { isOutage, retryFor } from "@openclaw/runtime";
import type { TerminalEntry } from "@openclaw/stream";
import type { Closed } from "../provider/health/provider-health.ts";
import { type AttemptContext, RunHandedBackError, workOnRun } from "./attempt.ts";
import { claimRun } from "./claim-run.ts";
import { condemnRun } from "./condemn-run.ts";
import { executeHedge } from "./execute-hedge.ts";
import { LONGEST_WAIT_MS, passOn, requeue } from "./fail-over.ts";

const SPREAD_MS = 500;
const END_WITHIN_MS = 2_000;

/**
 * Works on a job until its run has ended or is no longer ours.
 *
 * @throws RunHandedBackError, RunReleasedError, RunPostponedError when the run is still open but cannot go on here, so
 *   that the queue offers it again; also what Redis throws before the run was claimed
 */
export async function executeRun(job: RunJob, context: AttemptContext): Promise<void> {
  try {
    await execute(job, context);
  } catch (error) {
    if (isStillOpen(error) || isOutage(error)) throw error;
    // A hedge is none then: the first attempt goes on, and finds out what is wrong with the run.
    if (job.hedges === undefined) await condemnRun(job, error, context);
    else context.log.error({ runId: job.runId, err: error }, "hedge cannot be worked on");
  }
}

/** The run goes on, by another job or this one. */
function isStillOpen(error: unknown): boolean {
  return [RunHandedBackError, RunPostponedError, RunReleasedError].some(
    (kind) => error instanceof kind,
  );
}

async function execute(job: RunJob, context: AttemptContext): Promise<void> {
  const takenAt = performance.now();
  if (job.hedges !== undefined && (await executeHedge(job, context)) !== "won before") return;
  const run = { ...job, hedges: undefined };
  const { closed } = context.provider.health;
  if (closed && (await isSpared(run, closed, context))) return;
  const claim = await claimRun(run, context);
  switch (claim.outcome) {
    case "claimed":
      context.hedges.note();
      await workOnRun(run, { ...claim, pickUpMs: performance.now() - takenAt }, context);
      return;
    case "moved":
      // By an attempt whose worker then died: it may or may not have got as far as the queue. Why is not
      // known any more, so what it said is not to be built upon.
      await requeue({ ...run, anew: true }, claim.provider, context.queues);
      break;
    case "out_of_tries":
      await leaveProvider(run, claim.epoch, context);
      break;
    case "lost":
      // Perhaps it is this run that ends them.
      context.log.error(
        { runId: job.runId, provider: job.provider, workers: claim.workers },
        "run given up, its workers were lost",
      );
      return;
    case "held":
      // The queue took its worker for dead too soon, or this one stood still and is late.
      throw new RunPostponedError(job.runId, claim.forMs);
  }
  context.log.info({ runId: job.runId, outcome: claim.outcome }, "run not taken");
}

/** What this provider did not manage in two attempts is the next one's, or nobody's. */
async function leaveProvider(job: RunJob, epoch: number, context: AttemptContext): Promise<void> {
  if ((await passOn(job, context, epoch)) !== "nobody") return;
  const terminal: TerminalEntry = {
    type: "failed",
    failure: failure("attempts_exhausted"),
    timings: undefined,
  };
  await retryFor(() => context.records.end(job.runId, terminal), END_WITHIN_MS);
}

/**
 * A run is not spent on a provider that is known to fail: it goes to the next one at once, or waits here
 * for the end of a short rest.
 *
 * @returns false where neither can be: the attempt then fails at once with what is known
 * @throws RunPostponedError
 */
async function isSpared(
  job: RunJob,
  { code, forMs }: Closed,
  context: AttemptContext,
): Promise<boolean> {
  const { runId, provider } = job;
  const facts = { runId, provider, code };
  const outcome = await passOn(job, context);
  if (outcome === "moved") {
    context.counts.count("passed_on");
    context.log.info(facts, "run passed on");
    return true;
  }
  if (outcome === "elsewhere") return false;
  if (forMs === undefined || forMs > LONGEST_WAIT_MS) return false;
  context.counts.count("postponed");
  // Not all at the same moment.
  throw new RunPostponedError(runId, forMs + Math.round(Math.random() * SPREAD_MS));
}
