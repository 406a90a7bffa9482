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
  /** Cancels what a client began over another connection. */
  readonly cancel: (runId: string, session: string) => Promise<unknown>;
  readonly log: Logger;
}

/**
 * Submits a run, which hears how that came out; never throws. The record comes first: a worker that
 * finds no record takes the run for a stray and drops it.
 */
export async function submitRun(
  run: LiveRun,
  { job, totalMs }: { readonly job: RunJob; readonly totalMs: number },
  { node, records, queues, announcer, cancel, log }: SubmitContext,
): Promise<void> {
  const { runId, provider, session } = job;
  // Repeated with every try, and no other run's.
  const submission = randomUUID();
  const dueInMs = job.background ? totalMs : undefined;
  const record = { runId, edge: node, provider, session, totalMs, dueInMs, submission };
  try {
    const outcome = await retryFor(async () => {
      const created = await records.create(record);
      if (created === "created") run.created();
      // One that waits has a place on a queue already, unless its edge died in between.
      if (created !== "taken" && run.terminal === undefined) await queues.add(job);
      return created;
    }, ASK_WITHIN_MS);
    if (outcome === "created") run.queued();
    else {
      const { terminal } = run;
      run.taken();
      // Begun over a connection that was lost, asked for again and then cancelled: that one is meant.
      if (terminal?.type === "cancelled" && terminal.reason === "client") {
        await cancel(runId, session);
      }
    }
  } catch (error) {
    log[isOutage(error) ? "warn" : "error"]({ runId, provider, err: error }, "run not submitted");
    run.submissionFailed();
  }
  // Ended in the meantime: that was announced before the run was there to be ended. What was never answered
  // for may be there all the same, and read elsewhere: a client that lost this edge asks again.
  const { terminal } = run;
  if (terminal && run.isOurs) announcer.announce({ runId, chain: run.chain, terminal });
}
