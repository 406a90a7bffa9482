/** How the pieces of an answer become entries of bounded size: short neighbours are merged, long ones are cut. */
import { charactersOf, type DeltaEntry, type Entry, type ToolCallEntry } from "./entry.ts";

export type Piece = DeltaEntry | ToolCallEntry;

/** Most of one entry, in UTF-16 units. */
const ENTRY_LIMIT = 16_384;
/** What an entry may take besides its text, as it is published. */
const FRAME_BYTES = 128;
/** Most bytes of one entry: a UTF-16 unit takes three in UTF-8. */
export const LARGEST_ENTRY_BYTES = 3 * ENTRY_LIMIT + FRAME_BYTES;
/** Of a long entry, what is cut off as its tail, in UTF-16 units. */
const TAIL = 64;

export function isEmpty(piece: Piece): boolean {
  if (piece.type !== "tool_call") return piece.text === "";
  return piece.arguments === "" && piece.id === undefined && piece.name === undefined;
}

/** Neighbours of one kind as one entry; undefined where they are of two, or too long together. */
export function merge(last: Entry, next: Piece): Entry | undefined {
  if (charactersOf(last) + charactersOf(next) > ENTRY_LIMIT) return undefined;
  if (next.type === "tool_call") {
    const isMore = next.id === undefined && next.name === undefined;
    if (last.type !== "tool_call" || last.index !== next.index || !isMore) return undefined;
    return { ...last, arguments: last.arguments + next.arguments };
  }
  if (last.type !== next.type || last.isRefusal !== next.isRefusal) return undefined;
  return { ...next, text: last.text + next.text };
}

/** Whether a piece is too long for one entry. */
export function isLong(piece: Piece): boolean {
  return charactersOf(piece) > ENTRY_LIMIT;
}

/** A piece that is too long for one entry as several. */
export function cutLong(piece: Piece): Piece[] {
  const parts: Piece[] = [];
  let rest = piece;
  while (isLong(rest)) {
    const [head, tail] = cutAt(rest, ENTRY_LIMIT);
    parts.push(head);
    rest = tail;
  }
  return [...parts, rest];
}

/** An entry without its last few characters, and these; as it is where it has no more. */
export function cutTail(entry: Entry): Entry[] {
  const length = charactersOf(entry);
  if (length <= TAIL || !isPiece(entry)) return [entry];
  return cutAt(entry, length - TAIL);
}

/** How many of these entries go together, at least one, and about how many bytes they have as they are published. */
export function fitting(entries: readonly Entry[], most: { entries: number; bytes: number }) {
  let [count, bytes] = [0, 0];
  for (const entry of entries.slice(0, most.entries)) {
    const own = FRAME_BYTES + Buffer.byteLength(isPiece(entry) ? textIn(entry) : "");
    if (count > 0 && bytes + own > most.bytes) break;
    count += 1;
    bytes += own;
  }
  return { count, bytes };
}

/** What belongs to a call, but not to its arguments, stays with the first part. */
function cutAt(piece: Piece, length: number): [Piece, Piece] {
  const text = textIn(piece);
  // The two halves of one character stay together: apart, neither can be written.
  const at = /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length;
  const [head, tail] = [text.slice(0, at), text.slice(at)];
  if (piece.type !== "tool_call") {
    return [
      { ...piece, text: head },
      { ...piece, text: tail },
    ];
  }
  const { type, index } = piece;
  return [
    { ...piece, arguments: head },
    { type, index, arguments: tail },
  ];
}

function isPiece(entry: Entry): entry is Piece {
  return entry.type === "text" || entry.type === "reasoning" || entry.type === "tool_call";
}

function textIn(piece: Piece): string {
  return piece.type === "tool_call" ? piece.arguments : piece.text;
}
