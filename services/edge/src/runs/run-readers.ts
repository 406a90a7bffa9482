/**
 * Knows the readers of each run. Clients that are gone get time to come back. A run without any reader is
 * abandoned, so that its worker stops buying.
 */
import { type Logger, retryFor } from "@openclaw/runtime";
import type { RunRecords } from "@openclaw/stream";
import type { LiveRun } from "./live-run.ts";
import type { LiveRuns } from "./live-runs.ts";

/**
 * How long an edge repeats a call to Redis for one run. A busy moment must not fail a user. An outage must not keep
 * a user waiting.
 */
export const ASK_WITHIN_MS = 4_000;
/**
 * The least time between two checks of a run's readers, also if its client has no time to come back.
 */
const LOOK_AGAIN_MS = 1_000;
/**
 * After an outage of Redis or its own start, an edge counts as dead until it has reported itself.
 */
const HEARD_AGAIN_MS = 3_000;
/**
 * Of one run on this edge. Each reader costs the write of every piece, in the time of all users of this edge.
 */
const MOST_READERS = 256;
/** Includes readers that left a moment ago and may come back. */
const MOST_WITH_GONE = 512;

export interface RunReadersOptions {
  readonly node: string;
  readonly records: Pick<RunRecords, "watch" | "watchers" | "unwatch">;
  readonly runs: LiveRuns;
  readonly log: Logger;
  /** Whether a node that watches a run can still read it. True if that is unknown. */
  readonly isAlive: (node: string) => boolean;
  /** No client reads this run any more, here or elsewhere. */
  readonly onAbandoned: (run: LiveRun) => void;
}

/** One check of a run's readers, some time after its client left. */
interface Look {
  readonly graceMs: number;
  readonly inMs: number;
  /** The check before found another edge in the record that was silent. */
  readonly isSecond: boolean;
}

export class RunReaders {
  readonly #options: RunReadersOptions;
  /** Runs that clients are resuming right now, and how many clients. */
  readonly #returning = new Map<string, number>();
  /** Runs whose record this edge is being taken off. */
  readonly #leaving = new Set<string>();

  constructor(options: RunReadersOptions) {
    this.#options = options;
  }

  /** Whether one more client may read this run here. */
  hasRoom(runId: string): boolean {
    const { runs } = this.#options;
    const coming = this.#returning.get(runId) ?? 0;
    if (coming + runs.readers(runId) < MOST_READERS) return true;
    if (coming + runs.readers(runId) >= MOST_WITH_GONE) return false;
    const reading = [...runs.of(runId)].filter(({ isDetached }) => !isDetached);
    return coming + reading.length < MOST_READERS;
  }

  /** No run is left while a client is coming back for it. */
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

  /** Takes dead edges off the record of a run. Answers whether there were any. */
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
        this.#options.log.warn({ runId: run.runId, err: error }, "readers of run not checked");
        // Checks again. If this edge no longer follows the run, the next message finds no reader.
        this.#lookAgain(run, look);
      });
    }, look.inMs);
    timer.unref();
  }

  #lookAgain(run: LiveRun, { graceMs }: Look): void {
    const inMs = Math.max(graceMs, LOOK_AGAIN_MS);
    this.#lookLater(run, { graceMs, inMs, isSecond: false });
  }

  /**
   * Messages of this run reach this edge, though no client follows it here. Takes this edge off its record.
   */
  leaveUnfollowed(runId: string): void {
    if (this.#isWanted(runId) || this.#leaving.has(runId)) return;
    this.#leaving.add(runId);
    this.#unwatch(runId)
      .catch((error: unknown) => {
        // The next entry of the run leads here again.
        this.#options.log.debug({ runId, err: error }, "run without reader not left");
      })
      .finally(() => this.#leaving.delete(runId));
  }

  /**
   * Takes this edge off the record of a run that ended for a reader here, unless the run has another reader here.
   * Answers the nodes in the record that do not read the run: this edge, if it was taken off, and dead edges. A
   * dead edge in the record would keep the run on its queue, and a worker would answer no client.
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

  /** This edge follows a run that began here to its end while any client reads it. So the run is counted once. */
  async #consider(run: LiveRun, look: Look): Promise<void> {
    const { records, node } = this.#options;
    const watchers = await retryFor(() => records.watchers(run.runId), ASK_WITHIN_MS);
    const isReadElsewhere = this.#isReadElsewhere(watchers);
    const isOtherSilent = !isReadElsewhere && watchers.some((watcher) => watcher !== node);
    if (isOtherSilent && !look.isSecond) {
      // The client of the other edge may have been there until just now. It has time to come back as well.
      const inMs = Math.max(look.graceMs, HEARD_AGAIN_MS);
      this.#lookLater(run, { graceMs: look.graceMs, inMs, isSecond: true });
    } else if (run.isResumed) await this.#leave(run);
    else if (isReadElsewhere || this.#isReadBeside(run)) this.#lookAgain(run, look);
    else run.cancel("disconnected");
  }

  /** Must be asked last: a client may have come back meanwhile. */
  #isReadBeside({ runId }: LiveRun): boolean {
    return this.#options.runs.readers(runId) > 1 || this.#returning.has(runId);
  }

  /**
   * A run that was resumed here is followed no further. Without any reader it ends, unless it is a background run.
   */
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

  /** Takes this edge off the record of a run. Answers the other nodes in it. */
  async #unwatch(runId: string): Promise<readonly string[]> {
    const { records, node, runs } = this.#options;
    const watchers = await retryFor(() => records.unwatch(runId, node), ASK_WITHIN_MS);
    if (!this.#isWanted(runId)) return watchers;
    // A client came back while this node was taken off: this edge must hear of the run again.
    for (const reader of runs.of(runId)) {
      const { session } = reader;
      await retryFor(() => records.watch(runId, { node, session }), ASK_WITHIN_MS);
      reader.refill();
    }
    return watchers;
  }

  /** Edges that were killed or left are still in the record. */
  #isReadElsewhere(watchers: readonly string[]): boolean {
    const { node, isAlive } = this.#options;
    return watchers.some((watcher) => watcher !== node && isAlive(watcher));
  }

  #isWanted(runId: string): boolean {
    return this.#options.runs.readers(runId) > 0 || this.#returning.has(runId);
  }
}
