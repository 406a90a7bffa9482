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
 * All runs open on this edge: hands each what is published of it, and looks after the silent. Two
 * connections may follow the same run.
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

  /** Of all that began here: what they take of Redis until they end. */
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

  /** Those here that follow this run. */
  of(runId: string): Iterable<LiveRun> {
    return this.#runs.get(runId) ?? [];
  }

  /** How many here follow this run. */
  readers(runId: string): number {
    return this.#runs.get(runId)?.size ?? 0;
  }

  /** Every run that waits for a worker. */
  *queued(): Iterable<LiveRun> {
    for (const run of this.#all()) if (run.isQueued) yield run;
  }

  /** How long each run that a provider works on has been at work, in milliseconds, where it is known. */
  agesAt(provider: string): number[] {
    const ages: number[] = [];
    for (const { hold } of this.#all()) if (hold?.provider === provider) ages.push(hold.ms);
    return ages;
  }

  async start(): Promise<void> {
    // What has arrived is read before it is judged: this process may have stood still.
    this.#sweeping = setInterval(() => setImmediate(() => this.#sweep()), SWEEP_INTERVAL_MS);
  }

  #sweep(): void {
    const now = performance.now();
    for (const run of this.#all()) {
      // Before it is ended for that: its user has waited for longer than anybody was to wait.
      if (run.becameStuck(now)) this.#options.onStuck?.();
      run.sweep(now);
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
    for (const run of this.#all()) run.abandon();
  }

  /** Takes one published message, in which the entries of a run stand together. */
  onBatch(batch: readonly PublishedEntry[]): void {
    const receivedAt = performance.now();
    let from = 0;
    for (let to = 1; to <= batch.length; to += 1) {
      const runId = batch[from]?.runId;
      if (runId === undefined || batch[to]?.runId === runId) continue;
      const entries = batch.slice(from, to);
      const readers = this.#runs.get(runId);
      for (const run of readers ?? []) run.offer(entries, receivedAt);
      // One that has just ended says no more.
      if (!readers && !entries.some(({ entry }) => isTerminal(entry)))
        this.#options.onUnfollowed?.(runId);
      from = to;
    }
  }

  /** The subscription was interrupted: anything may have been missed. */
  refill(): void {
    for (const run of this.#all()) run.refill();
  }

  *#all(): Iterable<LiveRun> {
    for (const readers of this.#runs.values()) yield* readers;
  }
}
