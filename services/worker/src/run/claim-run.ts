import { randomUUID } from "node:crypto";
import { type Failure, failure } from "@openclaw/protocol";
import type { RunJob } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import type { ClaimOutcome } from "@openclaw/stream";
import type { AttemptContext } from "./attempt.ts";

/**
 * Afterwards the queue offers the run again, here or elsewhere. Long, since a claim whose answer is late
 * may have taken effect: asked again it is known by its lease, while another one counts a lost worker.
 */
const CLAIM_WITHIN_MS = 10_000;

/** Takes the right to write for a run. @throws what Redis throws, when it does so for 10 s */
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
    exhausted: { type: "failed", failure: failure("attempts_exhausted"), timings: undefined },
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
