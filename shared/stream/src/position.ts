/**
 * Where an entry stands in a run's log. `epoch` names the attempt that wrote it; it grows from attempt to attempt,
 * though not by one. `seq` is its number within that attempt. `seq` 0 is the attempt's `started` entry; text begins
 * at 1.
 *
 * Ordered by epoch, then seq: exactly the order of Redis stream ids, which is what fences a stale
 * worker. `(0, 0)` stands before everything.
 */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

export const BEGINNING: Position = { epoch: 0, seq: 0 };

/** Negative when `a` stands before `b`, 0 when they are the same, positive otherwise. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch === b.epoch ? a.seq - b.seq : a.epoch - b.epoch;
}

/** Whether `next` may follow `current` directly: the next entry, or the start of a later attempt. */
export function follows(current: Position, next: Position): boolean {
  if (next.epoch === current.epoch) return next.seq === current.seq + 1;
  return next.epoch > current.epoch && next.seq === 0;
}

/** The Redis stream id of a position. */
export function entryId({ epoch, seq }: Position): string {
  return `${epoch}-${seq}`;
}

/** Reads a Redis stream id. */
export function parseEntryId(id: string): Position {
  const [epoch, seq] = id.split("-");
  return { epoch: Number(epoch), seq: Number(seq) };
}
