/** Claims a run, and deals with a run that cannot be claimed here. */
import { randomUUID } from "node:crypto";
import { type Failure, failure } from "@openclaw/protocol";
import { type RunJob, RunPostponedError } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import type { ClaimOutcome } from "@openclaw/stream";
import type { AttemptContext } from "./attempt-context.ts";
import { passOn, requeue } from "./fail-over.ts";

/**
 * Afterwards the queue offers the run again, here or elsewhere. It is long, since a claim whose answer is late may have
 * taken effect. A repeated claim is recognised by its lease. A new claim counts a lost worker.
 */
const CLAIM_WITHIN_MS = 10_000;
const END_WITHIN_MS = 2_000;

const EXHAUSTED = {
  type: "failed",
  failure: failure("attempts_exhausted"),
  timings: undefined,
} as const;

/** Claims a run. @throws the error of Redis, if it lasts for 10 s */
export function claimRun(
  { runId, hedges }: Pick<RunJob, "runId" | "hedges">,
  { records, provider, node, maxAttempts, maxLost }: AttemptContext,
): Promise<ClaimOutcome> {
  const claim = {
    runId,
    lease: randomUUID(),
    worker: node,
    maxAttempts,
    maxLost,
    retries: provider.config.retries,
    started: { type: "started", provider: provider.name, model: provider.config.model },
    exhausted: EXHAUSTED,
    lost: { type: "failed", failure: lostWith(maxLost), timings: undefined },
    overdue: { type: "failed", failure: failure("run_timeout"), timings: undefined },
    ...(hedges !== undefined && { hedges }),
  } as const;
  return retryFor(() => records.claim(claim), CLAIM_WITHIN_MS);
}

function lostWith(workers: number): Failure {
  const message = `${workers} workers were lost while they worked on this run.`;
  return failure("attempts_exhausted", message);
}

/**
 * Deals with a run that could not be claimed.
 *
 * @throws RunPostponedError if another attempt holds the run
 */
export async function leaveUnclaimed(
  run: RunJob,
  claim: Exclude<ClaimOutcome, { readonly outcome: "claimed" }>,
  context: AttemptContext,
): Promise<void> {
  const { runId, provider } = run;
  switch (claim.outcome) {
    case "moved":
      // A worker moved the run and died, perhaps before it added the job. Nothing tells why it moved the run, so the
      // answer begins again.
      await requeue({ ...run, anew: true }, claim.provider, context.queues);
      break;
    case "out_of_tries":
      await leaveProvider(run, claim.epoch, context);
      break;
    case "lost": {
      const facts = { runId, provider, workers: claim.workers };
      // The run itself may be the cause.
      context.log.error(facts, "run given up, its workers were lost");
      return;
    }
    case "held":
      // The queue took the run's worker for dead too soon, or this worker stood still and is late.
      throw new RunPostponedError(runId, claim.forMs);
  }
  context.log.info({ runId, outcome: claim.outcome }, "run not taken");
}

/** This provider has failed the run often enough: the run goes to the next provider, or ends. */
async function leaveProvider(job: RunJob, epoch: number, context: AttemptContext): Promise<void> {
  if ((await passOn(job, context, epoch)) !== "none") return;
  await retryFor(() => context.records.end(job.runId, EXHAUSTED), END_WITHIN_MS);
}
