import type { Component } from "@openclaw/runtime";
import { isTerminal, type PublishedEntry } from "@openclaw/stream";
import type { LiveRun } from "./live-run.ts";

const SWEEP_INTERVAL_MS = 500;

export interface LiveRunsOptions {
  /** Called with a run that is published to this edge, though no client follows it here. */
  readonly onUnfollowed?: (runId: string) => void;
  /** Called once for each run that is past every bound without an end. */
  readonly onStuck?: () => void;
}

/**
 * All runs that are open on this edge. Hands each run what is published of it, and sweeps those that are silent.
 * Two connections may follow the same run.
 */
export class LiveRuns implements Component {
  readonly name = "live runs";
  readonly #runs = new Map<string, Set<LiveRun>>();
  readonly #options: LiveRunsOptions;
  #count = 0;
  #promptBytes = 0;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(options: LiveRunsOptions = {}) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /** What the runs that began here take of Redis until they end. */
  get promptBytes(): number {
    return this.#promptBytes;
  }

  add(run: LiveRun): void {
    const readers = this.#runs.get(run.runId) ?? new Set();
    this.#runs.set(run.runId, readers.add(run));
    this.#count += 1;
    this.#promptBytes += run.promptBytes;
  }

  remove(run: LiveRun): void {
    const readers = this.#runs.get(run.runId);
    if (!readers?.delete(run)) return;
    this.#count -= 1;
    this.#promptBytes -= run.promptBytes;
    if (readers.size === 0) this.#runs.delete(run.runId);
  }

  /** The readers of this run on this edge. */
  of(runId: string): Iterable<LiveRun> {
    return this.#runs.get(runId) ?? [];
  }

  /** How many readers this run has on this edge. */
  readers(runId: string): number {
    return this.#runs.get(runId)?.size ?? 0;
  }

  /** Every run that waits for a worker. */
  *queued(): Iterable<LiveRun> {
    for (const run of this.#all()) if (run.isQueued) yield run;
  }

  /**
   * How long each run has been at work at this provider, in milliseconds. Runs of an unknown age are left out.
   */
  agesAt(provider: string): number[] {
    const ages: number[] = [];
    for (const { hold } of this.#all()) if (hold?.provider === provider) ages.push(hold.ms);
    return ages;
  }

  async start(): Promise<void> {
    // Messages that have arrived are read before the sweep: this process may have stood still.
    this.#sweeping = setInterval(() => setImmediate(() => this.#sweep()), SWEEP_INTERVAL_MS);
  }

  #sweep(): void {
    const now = performance.now();
    for (const run of this.#all()) {
      // Asked before the sweep ends the run: its user has waited beyond every bound.
      if (run.becameStuck(now)) this.#options.onStuck?.();
      run.sweep(now);
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
    for (const run of this.#all()) run.abandon();
  }

  /** Takes one published message. In it, the entries of a run stand together. */
  onBatch(batch: readonly PublishedEntry[]): void {
    const receivedAt = performance.now();
    let from = 0;
    for (let to = 1; to <= batch.length; to += 1) {
      const runId = batch[from]?.runId;
      if (runId === undefined || batch[to]?.runId === runId) continue;
      const entries = batch.slice(from, to);
      const readers = this.#runs.get(runId);
      for (const run of readers ?? []) run.offer(entries, receivedAt);
      // A run that has just ended publishes nothing more.
      if (!readers && !entries.some(({ entry }) => isTerminal(entry)))
        this.#options.onUnfollowed?.(runId);
      from = to;
    }
  }

  /** The subscription was interrupted, so any message may have been missed. */
  refill(): void {
    for (const run of this.#all()) run.refill();
  }

  *#all(): Iterable<LiveRun> {
    for (const readers of this.#runs.values()) yield* readers;
  }
}
