/**
 * Who still reads a run: gives clients that are gone time to come back, and lets go of runs that nobody
 * reads, so that their workers stop buying.
 */
import { type Logger, retryFor } from "@openclaw/runtime";
import type { RunRecords } from "@openclaw/stream";
import type { LiveRun } from "./live-run.ts";
import type { LiveRuns } from "./live-runs.ts";

/** How long an edge repeats a call to Redis for one run: a busy moment must not fail a user, an outage must not keep a
 * user waiting. */
export const ASK_WITHIN_MS = 4_000;
/** Between two looks at who reads a run, at least; also where a client has no time to come back. */
const LOOK_AGAIN_MS = 1_000;
/** After Redis was away, or just begun, an edge is taken for dead until it has said of itself that it lives. */
const HEARD_AGAIN_MS = 3_000;
/** Of one run here. Each is written every piece of its text, in the time of all users of this edge. */
const MOST_READERS = 256;
/** With those that left a moment ago, and may come back. */
const MOST_WITH_GONE = 512;

export interface RunReadersOptions {
  readonly node: string;
  readonly records: Pick<RunRecords, "watch" | "watchers" | "unwatch">;
  readonly runs: LiveRuns;
  readonly log: Logger;
  /** Whether a node that watches a run can still read it. Where that is not known, it can. */
  readonly isAlive: (node: string) => boolean;
  /** Nobody reads this run any more, here or elsewhere. */
  readonly onAbandoned: (run: LiveRun) => void;
}

/** At who reads a run, some time after its client left. */
interface Look {
  readonly graceMs: number;
  readonly inMs: number;
  /** The last one found another edge in its record that was silent. */
  readonly isSecond: boolean;
}

export class RunReaders {
  readonly #options: RunReadersOptions;
  /** Runs that clients are coming back for right now, and how many of them. */
  readonly #returning = new Map<string, number>();
  /** Runs that this edge is being taken off. */
  readonly #leaving = new Set<string>();

  constructor(options: RunReadersOptions) {
    this.#options = options;
  }

  /** Whether one more may read this run here. */
  hasRoom(runId: string): boolean {
    const { runs } = this.#options;
    const coming = this.#returning.get(runId) ?? 0;
    if (coming + runs.readers(runId) < MOST_READERS) return true;
    if (coming + runs.readers(runId) >= MOST_WITH_GONE) return false;
    const reading = [...runs.of(runId)].filter(({ isDetached }) => !isDetached);
    return coming + reading.length < MOST_READERS;
  }

  /** Nothing is let go of a run while somebody is coming back for it. */
  async whileReturning<T>(runId: string, comeBack: () => Promise<T>): Promise<T> {
    this.#returning.set(runId, (this.#returning.get(runId) ?? 0) + 1);
    try {
      return await comeBack();
    } finally {
      const others = (this.#returning.get(runId) ?? 1) - 1;
      if (others > 0) this.#returning.set(runId, others);
      else this.#returning.delete(runId);
    }
  }

  /** Takes edges off a run that are known to be dead; answers whether there were any. */
  async forgetDead(runId: string): Promise<boolean> {
    const { records, isAlive } = this.#options;
    const watchers = await retryFor(() => records.watchers(runId), ASK_WITHIN_MS);
    const dead = watchers.filter((watcher) => !isAlive(watcher));
    for (const node of dead) await retryFor(() => records.unwatch(runId, node), ASK_WITHIN_MS);
    return dead.length > 0;
  }

  /** The client is gone. It has `graceMs` to come back, here or elsewhere, before the run may be cancelled. */
  keepFor(run: LiveRun, graceMs: number): void {
    run.detach();
    this.#lookLater(run, { graceMs, inMs: graceMs, isSecond: false });
  }

  #lookLater(run: LiveRun, look: Look): void {
    const timer = setTimeout(() => {
      if (run.isEnded) return;
      this.#consider(run, look).catch((error: unknown) => {
        this.#options.log.warn({ runId: run.runId, err: error }, "readers of a run not known");
        // Asked again; what is no longer followed here is found to be unread.
        this.#lookAgain(run, look);
      });
    }, look.inMs);
    timer.unref();
  }

  #lookAgain(run: LiveRun, { graceMs }: Look): void {
    const inMs = Math.max(graceMs, LOOK_AGAIN_MS);
    this.#lookLater(run, { graceMs, inMs, isSecond: false });
  }

  /** Messages of this run reach this edge, though no client follows it here. */
  leaveUnfollowed(runId: string): void {
    if (this.#isWanted(runId) || this.#leaving.has(runId)) return;
    this.#leaving.add(runId);
    this.#unwatch(runId)
      .catch((error: unknown) => {
        // The next entry that comes asks again.
        this.#options.log.debug({ runId, err: error }, "unread run not left");
      })
      .finally(() => this.#leaving.delete(runId));
  }

  /**
   * Takes this edge off a run that has ended for a reader here, unless there is another; answers the nodes on
   * its list that do not read it: this one then, and dead ones, which would keep it on its queue for a worker to
   * answer nobody.
   *
   * @throws what Redis throws
   */
  async stopReading(runId: string): Promise<readonly string[]> {
    const { records, node, isAlive } = this.#options;
    const isWanted = this.#isWanted(runId);
    const watchers = isWanted ? await records.watchers(runId) : await this.#unwatch(runId);
    const dead = watchers.filter((watcher) => watcher !== node && !isAlive(watcher));
    return isWanted ? dead : [node, ...dead];
  }

  /** A run that began here is followed to its end while anybody reads it, so that it is counted once. */
  async #consider(run: LiveRun, look: Look): Promise<void> {
    const { records, node } = this.#options;
    const watchers = await retryFor(() => records.watchers(run.runId), ASK_WITHIN_MS);
    const isReadElsewhere = this.#isReadElsewhere(watchers);
    const isOtherSilent = !isReadElsewhere && watchers.some((watcher) => watcher !== node);
    if (isOtherSilent && !look.isSecond) {
      // Its client may have been there until just now, and has time to come back as well.
      const inMs = Math.max(look.graceMs, HEARD_AGAIN_MS);
      this.#lookLater(run, { graceMs: look.graceMs, inMs, isSecond: true });
    } else if (run.isResumed) await this.#leave(run);
    else if (isReadElsewhere || this.#isReadBeside(run)) this.#lookAgain(run, look);
    else run.cancel("disconnected");
  }

  /** Asked last: somebody may have come back meanwhile. */
  #isReadBeside({ runId }: LiveRun): boolean {
    return this.#options.runs.readers(runId) > 1 || this.#returning.has(runId);
  }

  /** A run that was resumed here is followed no further; without any reader left it ends, as a rule. */
  async #leave(run: LiveRun): Promise<void> {
    const { runs, onAbandoned } = this.#options;
    run.leave();
    runs.remove(run);
    if (this.#isWanted(run.runId)) return;
    const watchers = await this.#unwatch(run.runId);
    const isRead = this.#isReadElsewhere(watchers) || this.#isWanted(run.runId);
    if (!isRead && !run.isBackground) onAbandoned(run);
  }

  /**
   * Another reader of the same client takes the place of this one. A run that began here is followed to its end, to be
   * counted. Resumed readers are left: there may be any number of them.
   */
  replace(run: LiveRun, graceMs: number): void {
    if (!run.isResumed) {
      this.keepFor(run, graceMs);
      return;
    }
    run.leave();
    this.#options.runs.remove(run);
  }

  /** Takes this edge off a run; answers the others on its list. */
  async #unwatch(runId: string): Promise<readonly string[]> {
    const { records, node, runs } = this.#options;
    const watchers = await retryFor(() => records.unwatch(runId, node), ASK_WITHIN_MS);
    if (!this.#isWanted(runId)) return watchers;
    // Somebody came back while this node was taken off: it must hear of the run again.
    for (const reader of runs.of(runId)) {
      const { session } = reader;
      await retryFor(() => records.watch(runId, { node, session }), ASK_WITHIN_MS);
      reader.refill();
    }
    return watchers;
  }

  /** Edges that were killed or left are still on the list. */
  #isReadElsewhere(watchers: readonly string[]): boolean {
    const { node, isAlive } = this.#options;
    return watchers.some((watcher) => watcher !== node && isAlive(watcher));
  }

  #isWanted(runId: string): boolean {
    return this.#options.runs.readers(runId) > 0 || this.#returning.has(runId);
  }
}
