/** Fails a run for a reason that no other worker and no later attempt could mend. */
import { failure } from "@openclaw/protocol";
import { isHedge, type RunJob, type UnreadableJob } from "@openclaw/queue";
import { isOutage, type Logger, retryFor } from "@openclaw/runtime";
import type { Position, RunRecords, TerminalEntry } from "@openclaw/stream";

/** Afterwards the queue offers the run again, here or elsewhere. */
const END_WITHIN_MS = 2_000;
const STATUS_WITHIN_MS = 2_000;

const INTERNAL: TerminalEntry = {
  type: "failed",
  failure: failure("internal"),
  timings: undefined,
};

export interface FailRunContext {
  readonly records: Pick<RunRecords, "end" | "condemn">;
  /** Ids of all nodes of the cluster. */
  readonly nodes: () => Promise<readonly string[]>;
  readonly log: Logger;
}

/**
 * Fails a run whose record or log is damaged, or which meets a fault of the worker. Its readers learn of it at once.
 * Other runs are not affected.
 *
 * @param after the last position that its readers may have, if it is known
 * @throws the error of Redis during an outage
 */
export async function failRun(
  { runId, provider }: Pick<RunJob, "runId" | "provider">,
  error: unknown,
  { records, nodes, log }: FailRunContext,
  after?: Position,
): Promise<void> {
  log.error({ runId, provider, err: error }, "run cannot be worked on");
  try {
    await retryFor(() => records.end(runId, INTERNAL), END_WITHIN_MS);
  } catch (cause) {
    if (isOutage(cause)) throw cause;
    // The record is damaged: it names neither the log to end nor the edges to notify.
    await retryFor(
      async () => records.condemn({ runId, after, terminal: INTERNAL, nodes: await nodes() }),
      END_WITHIN_MS,
    );
  }
}

/**
 * Fails the run of a job that no worker can read, so that its client need not wait for a deadline. A run that does not
 * wait for this job goes on: another attempt or another provider has it.
 *
 * @throws the error of Redis during an outage
 */
export async function failUnreadable(
  { jobId, provider, error }: UnreadableJob,
  context: FailRunContext & { readonly records: Pick<RunRecords, "status"> },
): Promise<void> {
  const { records, log } = context;
  const status = isHedge(jobId)
    ? undefined
    : await retryFor(() => records.status(jobId), STATUS_WITHIN_MS);
  const isWaiting = status?.state === "queued" && status.provider === provider;
  if (isWaiting) await failRun({ runId: jobId, provider }, error, context);
  else log.error({ jobId, provider, err: error }, "job dropped");
}
