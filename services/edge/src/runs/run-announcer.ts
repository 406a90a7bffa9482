/** Tells the cluster of runs that this edge ended: their logs, their workers, their places in the queues. */
import type { RunQueues } from "@openclaw/queue";
import { type Component, type Logger, retryFor } from "@openclaw/runtime";
import type { EndOutcome, RunRecords, TerminalEntry } from "@openclaw/stream";
import type { RunReaders } from "./run-readers.ts";

/**
 * Longer than Redis is usually away. Whoever was told that a run ended may ask again, and the first
 * answer would be bought as well.
 */
const ANNOUNCE_WITHIN_MS = 60_000;

export interface RunAnnouncerOptions {
  readonly records: Pick<RunRecords, "end">;
  readonly readers: Pick<RunReaders, "stopReading">;
  readonly queues: Pick<RunQueues, "remove">;
  readonly log: Logger;
}

export interface RunEnd {
  readonly runId: string;
  /** The providers on whose queues it may be: it moves when one fails. */
  readonly chain: readonly string[];
  readonly terminal: TerminalEntry;
}

export class RunAnnouncer implements Component {
  readonly name = "run announcer";
  readonly #options: RunAnnouncerOptions;
  readonly #announcing = new Set<Promise<void>>();

  constructor(options: RunAnnouncerOptions) {
    this.#options = options;
  }

  announce(end: RunEnd): void {
    this.#track(this.#persistently(end.runId, () => this.#announceEnd(end)));
  }

  /** Takes a run off its queues that is known to have ended. */
  clear({ runId, chain }: Omit<RunEnd, "terminal">): void {
    this.#track(this.#persistently(runId, () => this.#takeOffQueues(runId, chain)));
  }

  async start(): Promise<void> {
    // Nothing to prepare.
  }

  /** Resolves when the cluster knows of every end so far. */
  async stop(): Promise<void> {
    await Promise.all(this.#announcing);
  }

  #track(telling: Promise<void>): void {
    const tracked = telling.finally(() => this.#announcing.delete(tracked));
    this.#announcing.add(tracked);
  }

  async #persistently(runId: string, tell: () => Promise<void>): Promise<void> {
    try {
      await retryFor(tell, ANNOUNCE_WITHIN_MS);
    } catch (error) {
      // What is still published of it here is found to be unread, and its worker gives it up.
      this.#options.log.warn({ runId, err: error }, "end not announced");
    }
  }

  async #announceEnd({ runId, chain, terminal }: RunEnd): Promise<void> {
    if ((await this.#end(runId, terminal)) === "read_elsewhere") {
      this.#options.log.info({ runId }, "run left to its other readers");
    } else await this.#takeOffQueues(runId, chain);
  }

  async #takeOffQueues(runId: string, chain: readonly string[]): Promise<void> {
    for (const name of chain) await this.#options.queues.remove(name, runId);
  }

  /**
   * A client cancels its run for everybody. Whatever else an edge decides, it decides for those who read
   * here: it may have been cut off, and not know that its client went on elsewhere. The others have
   * deadlines of their own, and of all readers the last one ends the run: each leaves before it asks.
   */
  async #end(runId: string, terminal: TerminalEntry): Promise<EndOutcome | "read_elsewhere"> {
    const { records, readers } = this.#options;
    if (terminal.type === "cancelled" && terminal.reason === "client") {
      return records.end(runId, terminal);
    }
    return records.end(runId, terminal, await readers.stopReading(runId));
  }
}
