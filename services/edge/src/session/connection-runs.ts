/** The runs of one v2 connection, by their ids: open, being resumed, or ended a moment ago. */
import type { LiveRun } from "../runs/live-run.ts";

/** After so many later ends, the end of a run is no news to its client. */
const MOST_PAST = 64;

/** A resume that is under way. */
export interface Resumption {
  /** The client asked for the end of the run meanwhile. */
  isCancelled: boolean;
}

export class ConnectionRuns {
  readonly #open = new Map<string, LiveRun>();
  /** Without this list, a client that repeats a resume would follow its run twice. */
  readonly #resuming = new Map<string, Resumption>();
  /**
   * Runs that have ended here, the latest last: a cancel may have crossed their end. Refused runs are not in it: their id
   * may be used again, or belong to a run that goes on.
   */
  readonly #past = new Set<string>();

  /** How many runs are open, or are being resumed. */
  get count(): number {
    return this.#open.size + this.#resuming.size;
  }

  get open(): Iterable<LiveRun> {
    return this.#open.values();
  }

  find(runId: string): LiveRun | undefined {
    return this.#open.get(runId);
  }

  add(run: LiveRun): void {
    this.#open.set(run.runId, run);
  }

  remove(runId: string): void {
    this.#open.delete(runId);
  }

  clear(): void {
    this.#open.clear();
  }

  beginResuming(runId: string): Resumption {
    const resumption = { isCancelled: false };
    this.#resuming.set(runId, resumption);
    return resumption;
  }

  endResuming(runId: string): void {
    this.#resuming.delete(runId);
  }

  resumption(runId: string): Resumption | undefined {
    return this.#resuming.get(runId);
  }

  /** @param isKnown whether the client knows the run by its id, which the client of a refused run does not */
  ended(run: LiveRun, isKnown: boolean): void {
    // A later reader of the same run may be in the list.
    if (this.#open.get(run.runId) === run) this.#open.delete(run.runId);
    if (isKnown) this.remember(run.runId);
  }

  /** The client was told the end of this run. */
  remember(runId: string): void {
    this.#past.add(runId);
    const [oldest] = this.#past;
    if (this.#past.size > MOST_PAST && oldest !== undefined) this.#past.delete(oldest);
  }

  hasEnded(runId: string): boolean {
    return this.#past.has(runId);
  }

  knows(runId: string): boolean {
    return this.#open.has(runId) || this.#resuming.has(runId) || this.#past.has(runId);
  }
}
