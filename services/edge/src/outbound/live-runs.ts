import type { Part } from "@openclaw/runtime";
import type { PublishedEntry } from "@openclaw/stream";
import type { LiveRun } from "./live-run.ts";

const SWEEP_INTERVAL_MS = 500;

/** All runs open on this edge: hands each what is published of it, and looks after the silent. */
export class LiveRuns implements Part {
  readonly name = "live runs";
  readonly #runs = new Map<string, LiveRun>();
  #sweeping: NodeJS.Timeout | undefined;

  get count(): number {
    return this.#runs.size;
  }

  add(run: LiveRun): void {
    this.#runs.set(run.runId, run);
  }

  remove(runId: string): void {
    this.#runs.delete(runId);
  }

  async start(): Promise<void> {
    this.#sweeping = setInterval(() => {
      const now = performance.now();
      for (const run of this.#runs.values()) run.sweep(now);
    }, SWEEP_INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
    for (const run of this.#runs.values()) run.abandon();
  }

  /** Takes one published message, in which the entries of a run stand together. */
  onBatch(batch: readonly PublishedEntry[]): void {
    let from = 0;
    for (let to = 1; to <= batch.length; to += 1) {
      const runId = batch[from]?.runId;
      if (runId === undefined || batch[to]?.runId === runId) continue;
      this.#runs.get(runId)?.offer(batch.slice(from, to));
      from = to;
    }
  }

  /** The subscription was interrupted: anything may have been missed. */
  refill(): void {
    for (const run of this.#runs.values()) run.refill();
  }
}
