/** The end of a run that fails for a reason of its own, which no other worker and no later try would mend. */
import { failure } from "@openclaw/protocol";
import type { RunJob } from "@openclaw/queue";
import { isOutage, type Logger, retryFor } from "@openclaw/runtime";
import type { Position, RunRecords, TerminalEntry } from "@openclaw/stream";

/** Afterwards the queue offers the run again, here or elsewhere. */
const TELL_WITHIN_MS = 2_000;

export interface CondemnContext {
  readonly records: Pick<RunRecords, "end" | "condemn">;
  /** Ids of all nodes of the cluster. */
  readonly nodes: () => Promise<readonly string[]>;
  readonly log: Logger;
}

/**
 * Ends a run whose record or log cannot be worked with, or that a fault of ours keeps from being worked on. Its
 * readers hear of it at once; the runs beside it hear nothing.
 *
 * @param after the last position that its readers may have, where that is known
 * @throws what Redis throws while it is away
 */
export async function condemnRun(
  { runId, provider }: Pick<RunJob, "runId" | "provider">,
  error: unknown,
  { records, nodes, log }: CondemnContext,
  after?: Position,
): Promise<void> {
  log.error({ runId, provider, err: error }, "run cannot be worked on");
  const terminal: TerminalEntry = {
    type: "failed",
    failure: failure("internal"),
    timings: undefined,
  };
  try {
    await retryFor(() => records.end(runId, terminal), TELL_WITHIN_MS);
  } catch (cause) {
    if (isOutage(cause)) throw cause;
    // Its record is what is broken: it says neither what to end, nor whom to tell.
    await retryFor(
      async () => records.condemn({ runId, after, terminal, nodes: await nodes() }),
      TELL_WITHIN_MS,
    );
  }
}
