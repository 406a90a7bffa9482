import { isHedge, type UnreadableJob } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import type { RunRecords } from "@openclaw/stream";
import { type CondemnContext, condemnRun } from "../run/condemn-run.ts";

const ASK_WITHIN_MS = 2_000;

export interface FailUnreadableContext extends CondemnContext {
  readonly records: Pick<RunRecords, "status" | "end" | "condemn">;
}

/**
 * Fails the run of a job that no worker can read, so that its client is not left to wait for a deadline. A run that
 * does not wait for this job goes on: another attempt has it, or another provider.
 *
 * @throws what Redis throws while it is away
 */
export async function failUnreadable(
  { jobId, provider, error }: UnreadableJob,
  context: FailUnreadableContext,
): Promise<void> {
  const { records, log } = context;
  const status = isHedge(jobId)
    ? undefined
    : await retryFor(() => records.status(jobId), ASK_WITHIN_MS);
  const isWaiting = status?.state === "queued" && status.provider === provider;
  if (isWaiting) await condemnRun({ runId: jobId, provider }, error, context);
  else log.error({ jobId, provider, err: error }, "job dropped");
}
