/** Tells the cluster of runs that this edge ended: their logs, their workers, their places in the queues. */
import type { RunQueues } from "@openclaw/queue";
import { type Logger, persist } from "@openclaw/runtime";
import type { RunRecords, TerminalEntry } from "@openclaw/stream";

/**
 * Longer than Redis is usually away. Whoever was told that a run ended may ask again, and the first
 * answer would be bought as well.
 */
const ANNOUNCE_WITHIN_MS = 60_000;

export interface RunAnnouncerOptions {
  readonly records: Pick<RunRecords, "end">;
  readonly queues: Pick<RunQueues, "remove">;
  readonly log: Logger;
}

export interface RunEnd {
  readonly runId: string;
  /** The providers on whose queues it may be: it moves when one fails. */
  readonly chain: readonly string[];
  readonly terminal: TerminalEntry;
}

export class RunAnnouncer {
  readonly #options: RunAnnouncerOptions;
  readonly #announcing = new Set<Promise<void>>();

  constructor(options: RunAnnouncerOptions) {
    this.#options = options;
  }

  announce(end: RunEnd): void {
    const announced = this.#tellCluster(end).finally(() => this.#announcing.delete(announced));
    this.#announcing.add(announced);
  }

  /** Resolves when the cluster knows of every end so far. */
  async settled(): Promise<void> {
    await Promise.all(this.#announcing);
  }

  async #tellCluster({ runId, chain, terminal }: RunEnd): Promise<void> {
    const { records, queues, log } = this.#options;
    try {
      await persist(async () => {
        await records.end(runId, terminal);
        for (const name of chain) await queues.remove(name, runId);
      }, ANNOUNCE_WITHIN_MS);
    } catch (error) {
      // What is still published of it here is found to be unread, and its worker gives it up.
      log.warn({ runId, err: error }, "end not announced");
    }
  }
}
