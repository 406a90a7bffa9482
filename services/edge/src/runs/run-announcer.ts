/**
 * Announces the ends that this edge decides: to the log, and so to the workers, and to the queues.
 */
import type { RunQueues } from "@openclaw/queue";
import { type Component, type Logger, retryFor } from "@openclaw/runtime";
import type { EndOutcome, RunRecords, TerminalEntry } from "@openclaw/stream";
import type { RunReaders } from "./run-readers.ts";

/**
 * Longer than Redis is usually away. A client that was told the end may ask again. If the cluster did not hear of
 * the end, the provider would be paid for both answers.
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
  /** The run may be on the queue of any of these providers: it moves when one fails. */
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

  /** Takes a run off its queues whose end is in the log. */
  clear({ runId, chain }: Omit<RunEnd, "terminal">): void {
    this.#track(this.#persistently(runId, () => this.#takeOffQueues(runId, chain)));
  }

  async start(): Promise<void> {
    // Nothing to prepare.
  }

  /** Resolves when the cluster knows every end so far. */
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
      // The next message of the run finds no reader here. This edge then leaves the run, and its worker abandons
      // it.
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
   * A client's cancel ends its run for every reader. Every other end that an edge decides is valid for its own
   * readers. The edge may have been cut off, and its client may be reading elsewhere. The other edges have
   * deadlines of their own. Each edge leaves the run before it asks for the end, so the last reader ends it.
   */
  async #end(runId: string, terminal: TerminalEntry): Promise<EndOutcome | "read_elsewhere"> {
    const { records, readers } = this.#options;
    if (terminal.type === "cancelled" && terminal.reason === "client") {
      return records.end(runId, terminal);
    }
    return records.end(runId, terminal, await readers.stopReading(runId));
  }
}
