import type { RunState } from "@openclaw/protocol";
import { decodeEntry, type LoggedEntry } from "./entry.ts";
import { type Position, parseEntryId } from "./position.ts";

/** A part of a run's log, and where the log ends. */
export interface LogPage {
  readonly entries: ReadonlyArray<{ readonly position: Position; readonly entry: LoggedEntry }>;
  /** False where more entries were already there than the page holds. */
  readonly complete: boolean;
  /** Where the log ends, as Redis knows it. */
  readonly end: Position;
  /** Whether the log ends there for good. */
  readonly isEnded: boolean;
}
/**
 * Reads the answers to HMGET of a record (state, epoch, seq) and XRANGE of its log, of `limit` entries at most.
 *
 * @returns undefined for a run that is not known
 * @throws the error of either command, and MalformedEntryError
 */
export function logPageOf(
  replies: readonly [error: Error | null, result: unknown][],
  limit: number,
): LogPage | undefined {
  const [record, rows] = replies.map(([error, value]) => {
    if (error) throw error;
    return value;
  });
  // The fields that were asked for, in that order.
  const [state, epoch, seq] = record as [RunState | null, string, string];
  if (state === null) return undefined;
  // An entry is [id, [field, value]] with the one field 'p'.
  const entries = (rows as [Buffer, [Buffer, Buffer]][]).map(([id, [, payload]]) => ({
    position: parseEntryId(id.toString()),
    entry: decodeEntry(payload),
  }));
  return {
    entries,
    complete: entries.length < limit,
    end: { epoch: Number(epoch), seq: Number(seq) },
    isEnded: state !== "queued" && state !== "active",
  };
}
