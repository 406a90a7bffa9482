/**
 * Finds the call that a piece belongs to.
 *
 * Providers mark it by an index, by an id, or only by order and name. The index may be -1, absent or 0 for all calls.
 */
import type { Fail } from "../contract/provider-error.ts";
import type { CallArguments } from "./call-arguments.ts";
import type { CallPiece } from "./call-piece.ts";
import type { SurrogateJoiner } from "./text-so-far.ts";

export interface Call {
  readonly slot: CallPiece["slot"];
  /** Its number among the calls that were passed on; undefined until its name is known. */
  index: number | undefined;
  /** The provider's id. */
  id: string | undefined;
  name: string | undefined;
  readonly arguments: CallArguments;
  readonly joiner: SurrogateJoiner;
}

/**
 * Returns the call that a piece continues; undefined if the piece begins a new call.
 *
 * @throws ProviderError for a piece that fits no call
 */
export function callOf(calls: readonly Call[], piece: CallPiece, fail: Fail): Call | undefined {
  const { slot, name } = piece;
  const id = idOf(piece, calls);
  const inSlot = calls.filter((call) => call.slot === slot);
  // A repeated call may have lost its index.
  const among = slot === undefined ? calls : inSlot;
  const same = id === undefined ? undefined : among.find((call) => call.id === id);
  if (same && !isRenamed(same, name)) return same;
  // A piece without id and name continues the last call, whatever its index.
  const last = inSlot.at(-1) ?? (isNameless(piece) ? calls.at(-1) : undefined);
  return last && !isAnother(last, piece, { calls, fail }) ? last : undefined;
}

/**
 * Returns the call that a piece repeats as a whole, without the call's id.
 *
 * @param before the calls before this delta
 */
export function repeatedCall(
  calls: readonly Call[],
  piece: CallPiece,
  before: readonly Call[],
): Call | undefined {
  if (idOf(piece, calls) !== undefined || piece.name === undefined) return undefined;
  return before.find(
    ({ slot, name, arguments: known }) =>
      (piece.slot === undefined || piece.slot === slot) &&
      name === piece.name &&
      known.equals(piece.given),
  );
}

export function isRenamed(call: Call, name: string | undefined): boolean {
  return name !== undefined && call.name !== undefined && name !== call.name;
}

/** Some providers give each call the name of its function as an id, which identifies no call. */
function idOf({ id, name }: Pick<CallPiece, "id" | "name">, calls: readonly Call[]) {
  const isName = id === name || calls.some((call) => call.id === id && call.name === id);
  return isName ? undefined : id;
}

/**
 * Whether a piece begins another call than the last one of its slot. Some providers repeat the name in each piece, and
 * some make up a new id for each piece, so neither alone is a sign. Without an index the name is a sign. So are
 * another name, and complete arguments behind other arguments.
 */
function isAnother(
  last: Call,
  piece: CallPiece,
  { calls, fail }: { readonly calls: readonly Call[]; readonly fail: Fail },
): boolean {
  const { slot, name } = piece;
  const id = idOf(piece, calls);
  if (last.index === undefined || name === undefined) return false;
  if (id !== undefined && id !== last.id) return true;
  const { isHalf } = last.arguments;
  if (isRenamed(last, name)) {
    // The piece may hold the rest of the name.
    const mayBeRest =
      last.arguments.text === "" && id === undefined && idOf(last, calls) !== undefined;
    if (!isHalf && !mayBeRest) return true;
    throw fail("provider_malformed", "a tool call with two names");
  }
  return slot === undefined ? !isHalf : last.arguments.differFrom(piece.given);
}

function isNameless({ id, name }: CallPiece): boolean {
  return id === undefined && name === undefined;
}
