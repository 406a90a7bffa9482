/** Finds out how a run fares, for whoever asks once instead of following it. */
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

/** Each holds one answer in memory, and a page of its log in Redis' hands. */
const LOOKUPS_AT_ONCE = 16;
const MOST_WAITING = 256;
/** Entries of at most 16 Ki characters each. */
const PAGE = 64;

export interface RunLookupOptions {
  readonly records: Pick<RunRecords, "status" | "read">;
  /** The run should have ended by now, and nobody is left to see to that. */
  readonly endOverdue: (runId: string, provider: string) => Promise<void>;
}

export class RunLookup {
  readonly #options: RunLookupOptions;
  readonly #limit = pLimit(LOOKUPS_AT_ONCE);

  constructor(options: RunLookupOptions) {
    this.#options = options;
  }

  /** Whether so many wait for their turn that another one would wait too long. */
  get isFull(): boolean {
    return this.#limit.pendingCount >= MOST_WAITING;
  }

  /** Answers undefined for a run that is not known (any more). @throws what Redis throws */
  async report(runId: string): Promise<RunReport | undefined> {
    return this.#limit(async () => {
      const status = await this.#status(runId);
      if (!status) return undefined;
      const log = await this.#gather(runId, status.position);
      if (!log) return undefined;
      // It ended while its log was read: its times are known now.
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

  /** Reads the last attempt's part of the log, and what comes meanwhile. */
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

/** Behind everything of the attempts before. */
function justBefore(epoch: number): Position {
  return epoch === 0 ? BEGINNING : { epoch: epoch - 1, seq: Number.MAX_SAFE_INTEGER };
}
