/** Looks up how a run fares, for a client that asks once instead of following it. */
import type { RunReport } from "@openclaw/protocol";
import { retryFor } from "@openclaw/runtime";
import {
  BEGINNING,
  isTerminal,
  type Position,
  type RunRecords,
  type RunStatus,
} from "@openclaw/stream";
import pLimit from "p-limit";
import { GatheredText } from "../answers/gathered-text.ts";
import { ASK_WITHIN_MS } from "./run-readers.ts";
import { type ReadLog, reportOf } from "./run-report.ts";

/** Each lookup holds one whole answer in memory, of at most 4 MiB. */
const LOOKUPS_AT_ONCE = 16;
const MOST_WAITING = 256;
/** Entries of one read. The text of an entry has at most 16 Ki characters. */
const PAGE = 64;

export interface RunLookupOptions {
  readonly records: Pick<RunRecords, "status" | "read">;
  /** Ends a run that should have ended by now, since no edge and no worker may be left to do so. */
  readonly endOverdue: (runId: string, provider: string) => Promise<void>;
}

export class RunLookup {
  readonly #options: RunLookupOptions;
  readonly #limit = pLimit(LOOKUPS_AT_ONCE);

  constructor(options: RunLookupOptions) {
    this.#options = options;
  }

  /** Whether the queue of lookups is so long that the next would wait too long. */
  get isFull(): boolean {
    return this.#limit.pendingCount >= MOST_WAITING;
  }

  /**
   * Answers undefined for an unknown or forgotten run.
   *
   * @throws what Redis throws
   */
  async report(runId: string): Promise<RunReport | undefined> {
    return this.#limit(async () => {
      const status = await this.#status(runId);
      if (!status) return undefined;
      const log = await this.#gather(runId, status.position);
      if (!log) return undefined;
      // The run ended while its log was read. The record has its times now.
      const isStale = log.terminal !== undefined && status.endedMs === undefined;
      const latest = isStale ? await this.status(runId) : status;
      return latest && reportOf(runId, latest, log);
    });
  }

  /** @throws what Redis throws */
  async status(runId: string): Promise<RunStatus | undefined> {
    return retryFor(() => this.#options.records.status(runId), ASK_WITHIN_MS);
  }

  async #status(runId: string): Promise<RunStatus | undefined> {
    const status = await this.status(runId);
    if (!status?.isOverdue) return status;
    await this.#options.endOverdue(runId, status.provider);
    return this.status(runId);
  }

  /** Reads the log of the last attempt, and the entries that come meanwhile. */
  async #gather(runId: string, { epoch }: Position): Promise<ReadLog | undefined> {
    const gathered = new GatheredText();
    let position = justBefore(epoch);
    for (;;) {
      const page = await retryFor(
        () => this.#options.records.read(runId, position, PAGE),
        ASK_WITHIN_MS,
      );
      if (!page) return undefined;
      for (const { entry } of page.entries) gathered.add(entry);
      const last = page.entries.at(-1);
      if (last) position = last.position;
      const terminal = last && isTerminal(last.entry) ? last.entry : undefined;
      if (page.complete || terminal) {
        return { gathered, position: epoch === 0 && !last ? BEGINNING : position, terminal };
      }
    }
  }
}

/** Behind every entry of the earlier attempts. */
function justBefore(epoch: number): Position {
  return epoch === 0 ? BEGINNING : { epoch: epoch - 1, seq: Number.MAX_SAFE_INTEGER };
}
