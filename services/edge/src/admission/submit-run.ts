/** Makes a run known to Redis and puts it on its queue. */
import { randomUUID } from "node:crypto";
import type { RunJob, RunQueues } from "@openclaw/queue";
import { isOutage, type Logger, retryFor } from "@openclaw/runtime";
import type { RunRecords } from "@openclaw/stream";
import type { LiveRun } from "../runs/live-run.ts";
import type { RunAnnouncer } from "../runs/run-announcer.ts";
import { ASK_WITHIN_MS } from "../runs/run-readers.ts";

export interface SubmitContext {
  readonly node: string;
  readonly records: Pick<RunRecords, "create">;
  readonly queues: Pick<RunQueues, "add">;
  readonly announcer: Pick<RunAnnouncer, "announce">;
  /** Cancels a run that a client began over another connection. */
  readonly cancel: (runId: string, session: string) => Promise<unknown>;
  readonly log: Logger;
}

/**
 * Submits a run, and tells the run the outcome. Never throws. The record comes first: a worker that finds no record
 * drops the job as a stray.
 */
export async function submitRun(
  run: LiveRun,
  { job, totalMs }: { readonly job: RunJob; readonly totalMs: number },
  { node, records, queues, announcer, cancel, log }: SubmitContext,
): Promise<void> {
  const { runId, provider, session } = job;
  // The same for every try of this submission, and for no other run.
  const submission = randomUUID();
  const dueInMs = job.background ? totalMs : undefined;
  const record = { runId, edge: node, provider, session, totalMs, dueInMs, submission };
  try {
    const outcome = await retryFor(async () => {
      const created = await records.create(record);
      if (created === "created") run.created();
      // A run that waits has its job on a queue already, unless its edge died in between.
      if (created !== "taken" && run.terminal === undefined) await queues.add(job);
      return created;
    }, ASK_WITHIN_MS);
    if (outcome === "created") run.queued();
    else {
      const { terminal } = run;
      run.taken();
      // The client began this run over a connection that was lost, asked for it again, and then cancelled. It means
      // the earlier run.
      if (terminal?.type === "cancelled" && terminal.reason === "client") {
        await cancel(runId, session);
      }
    }
  } catch (error) {
    log[isOutage(error) ? "warn" : "error"]({ runId, provider, err: error }, "run not submitted");
    run.submissionFailed();
  }
  // The run ended while it was submitted. Its end was announced before its record existed, so it is announced again.
  // If Redis never answered, the end is not announced. The record may exist, and a client that lost this edge may
  // read the run elsewhere.
  const { terminal } = run;
  if (terminal && run.isOurs) announcer.announce({ runId, chain: run.chain, terminal });
}
