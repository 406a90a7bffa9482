/**
 * Lets a client that came back follow its run, on whichever edge it was before.
 *
 * Nothing is missed: this edge first watches the run, then reads its log, and live entries wait until the log is
 * delivered.
 */
import { retryFor } from "@openclaw/runtime";
import {
  comparePositions,
  type Position,
  type RunRecords,
  type WatchOutcome,
} from "@openclaw/stream";
import type { Answer } from "../answers/answer.ts";
import type { EndedRun } from "./ended-run.ts";
import type { LiveRun } from "./live-run.ts";
import type { RunAnnouncer } from "./run-announcer.ts";
import type { RunOpener } from "./run-opener.ts";
import { ASK_WITHIN_MS, type RunReaders } from "./run-readers.ts";

/** A client that came back for a run. */
export interface ResumeRequest {
  readonly runId: string;
  /** Must be the run's own. A client without a session may resume any run whose id it knows. */
  readonly session?: string;
  /** The last position the client has. */
  readonly after: Position;
  readonly answer: Answer;
  /** Called before the first entry is delivered. */
  readonly onResumed: (outcome: "replayed" | "complete") => void;
  readonly onEnded: (run: LiveRun) => void;
}

export type ResumeOutcome = "replayed" | "complete" | ResumeRefusal;
export type ResumeRefusal =
  | "unknown_run"
  | "unknown_position"
  /**
   * The position is ahead of the log: another Redis took over without the last entries. The run goes on, and the
   * positions of its next attempt will be higher.
   */
  | "ahead"
  | "too_many_readers"
  /** The run is over, and the client has its end. */
  | "nothing_left";

/** By the time of these refusals, the run's record already names this edge as a watcher. */
const WATCHED: ReadonlySet<ResumeRefusal> = new Set(["unknown_position", "ahead", "nothing_left"]);

type WatchedRun = Omit<Extract<WatchOutcome, { outcome: "watching" }>, "outcome"> & {
  readonly isOver: boolean;
};

export interface RunResumerOptions {
  readonly node: string;
  readonly records: Pick<RunRecords, "watch">;
  readonly readers: Pick<
    RunReaders,
    "hasRoom" | "whileReturning" | "forgetDead" | "leaveUnfollowed"
  >;
  readonly opener: RunOpener;
  readonly announcer: Pick<RunAnnouncer, "announce">;
  /** A provider, and the providers that stand in for it. */
  readonly withFallback: (provider: string) => readonly string[];
  readonly onOutcome?: (outcome: ResumeOutcome) => void;
  readonly onEnded: (ended: EndedRun) => void;
}

export class RunResumer {
  readonly #options: RunResumerOptions;

  constructor(options: RunResumerOptions) {
    this.#options = options;
  }

  /** @throws what Redis throws */
  async resume(request: ResumeRequest): Promise<LiveRun | ResumeRefusal> {
    const { readers, onOutcome } = this.#options;
    const { runId } = request;
    const resumed = readers.hasRoom(runId)
      ? await readers.whileReturning(runId, () => this.#follow(request))
      : "too_many_readers";
    if (typeof resumed === "string") {
      onOutcome?.(resumed);
      if (WATCHED.has(resumed)) readers.leaveUnfollowed(runId);
    }
    return resumed;
  }

  async #follow(request: ResumeRequest): Promise<LiveRun | ResumeRefusal> {
    const { opener, announcer, withFallback, onOutcome, onEnded } = this.#options;
    const { runId, after, answer } = request;
    const watched = await this.#watch(request);
    if (typeof watched === "string") return watched;
    const { provider, session, isOver, dueInMs, leftMs, waitedMs } = watched;
    const chain = withFallback(provider);
    const run = opener.open({
      runId,
      session,
      provider,
      chain,
      resumed: { after, waitedMs },
      answer,
      // However often readers come and go, the deadline of the run stays.
      deadlines: opener.deadlines(chain, isOver ? undefined : leftMs),
      isBackground: dueInMs !== undefined,
      onEnded: (ended, run) => {
        onEnded(ended);
        if (ended.byEdge) announcer.announce(ended);
        request.onEnded(run);
      },
    });
    const outcome = isOver ? "complete" : "replayed";
    onOutcome?.(outcome);
    request.onResumed(outcome);
    run.refill();
    return run;
  }

  /**
   * Makes this edge a watcher of the run. Answers how the run fares, or why its client cannot follow it from its
   * position.
   */
  async #watch({ runId, session, after }: ResumeRequest): Promise<WatchedRun | ResumeRefusal> {
    const { node, records, readers } = this.#options;
    const watch = () => retryFor(() => records.watch(runId, { node, session }), ASK_WITHIN_MS);
    let watched = await watch();
    // Edges that were killed stay in the record, and a long run may outlive many.
    if (watched.outcome === "full" && (await readers.forgetDead(runId))) watched = await watch();
    if (watched.outcome === "unknown") return "unknown_run";
    if (watched.outcome === "full") return "too_many_readers";
    const ahead = comparePositions(after, watched.position);
    const isOver = watched.state !== "queued" && watched.state !== "active";
    if (ahead > 0) return isOver ? "unknown_position" : "ahead";
    if (isOver && ahead === 0) return "nothing_left";
    return { ...watched, isOver };
  }
}
