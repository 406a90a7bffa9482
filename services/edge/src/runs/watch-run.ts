/** Has this edge hear of a run, for a client that came back for it. */
import { retryFor } from "@openclaw/runtime";
import { comparePositions, type RunRecords, type WatchOutcome } from "@openclaw/stream";
import type { RunReaders } from "./run-readers.ts";
import type { ResumeRefusal, ResumeRequest } from "./started-run.ts";
import { SUBMIT_WITHIN_MS } from "./submit-run.ts";

export interface WatchContext {
  readonly node: string;
  readonly records: Pick<RunRecords, "watch">;
  readonly readers: Pick<RunReaders, "forgetDead">;
}

export type WatchedRun = Omit<Extract<WatchOutcome, { outcome: "watching" }>, "outcome"> & {
  readonly isOver: boolean;
};

/**
 * Answers how the run fares, or why its client cannot follow it from where it is; where that is due to the
 * position, this edge hears of the run by then.
 *
 * @throws what Redis throws
 */
export async function watchRun(
  { runId, session, after }: Pick<ResumeRequest, "runId" | "session" | "after">,
  { node, records, readers }: WatchContext,
): Promise<WatchedRun | ResumeRefusal> {
  const watch = () => retryFor(() => records.watch(runId, { node, session }), SUBMIT_WITHIN_MS);
  let watched = await watch();
  // Edges that were killed stay on the list, and a long run may have outlived many.
  if (watched.outcome === "full" && (await readers.forgetDead(runId))) watched = await watch();
  if (watched.outcome === "unknown") return "unknown_run";
  if (watched.outcome === "full") return "too_many_readers";
  const ahead = comparePositions(after, watched.position);
  const isOver = watched.state !== "queued" && watched.state !== "active";
  if (ahead > 0) return isOver ? "unknown_position" : "ahead";
  if (isOver && ahead === 0) return "nothing_left";
  return { ...watched, isOver };
}
