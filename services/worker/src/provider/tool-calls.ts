/**
 * The tool calls of one answer, put into one form.
 *
 * A call comes in pieces, and which piece belongs to which call is told differently by everyone: by an
 * index, by an index that is -1, absent or 0 for all of them, by an id, or by nothing but order. What
 * leaves here counts calls from 0 in order of their first appearance, has an id and a name on the first
 * piece of each and on no other, and the arguments as they came.
 */
import { randomUUID } from "node:crypto";
import type { Fail } from "./provider-error.ts";
import type { ToolCallEvent } from "./provider-event.ts";
import { isObject } from "./refusal.ts";
import { SurrogateJoiner } from "./surrogate-joiner.ts";

/** As many as a request may have tools. A model that calls more is in a loop. */
const MAX_CALLS = 128;
const MAX_NAME = 256;
/** A longer id is replaced: nobody but the client's next request refers to it. */
const MAX_ID = 256;
/** How much may come of a call that has no name yet. */
const MAX_HELD = 64 * 1024;

/** One piece as it came; what is empty is absent. */
interface Piece {
  readonly slot: number | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly given: string;
}

interface Call {
  readonly slot: number | undefined;
  /** Its number among those that were told; undefined until its name is known. */
  index: number | undefined;
  /** The provider's own. */
  id: string | undefined;
  held: string;
  readonly joiner: SurrogateJoiner;
}

export class ToolCalls {
  readonly #fail: Fail;
  readonly #calls: Call[] = [];
  readonly #ids = new Set<string>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** Whether there is one. */
  get any(): boolean {
    return this.#ids.size > 0;
  }

  /**
   * Takes the `tool_calls` of a chunk, or of a whole message, where each element is a call of its own.
   *
   * @throws ProviderError for more than any answer has
   */
  push(raw: unknown, { whole }: { readonly whole: boolean }): ToolCallEvent[] {
    if (!Array.isArray(raw)) return [];
    return raw.filter(isObject).flatMap((element) => {
      const piece = readPiece(element);
      return this.#take(whole ? this.#begin(piece) : this.#callOf(piece), piece);
    });
  }

  /** The answer is over. @throws ProviderError where a call was never named */
  end(): ToolCallEvent[] {
    return this.#calls.flatMap((call) => {
      if (call.index === undefined && call.held !== "") {
        throw this.#fail("provider_malformed", "a tool call without a name");
      }
      return eventOf(call, call.joiner.flush());
    });
  }

  #callOf(piece: Piece): Call {
    const { slot, id } = piece;
    const inSlot = this.#calls.filter((call) => call.slot === slot);
    const same = id === undefined ? undefined : inSlot.find((call) => call.id === id);
    // What names nobody goes on with what came last, wherever that was said to be.
    const last = inSlot.at(-1) ?? (isNameless(piece) ? this.#calls.at(-1) : undefined);
    if (same) return same;
    return last && !isAnother(last, piece) ? last : this.#begin(piece);
  }

  #begin({ slot, id }: Piece): Call {
    if (this.#calls.length === MAX_CALLS) {
      throw this.#fail("provider_malformed", `more than ${MAX_CALLS} tool calls`);
    }
    const call = { slot, id, index: undefined, held: "", joiner: new SurrogateJoiner() };
    this.#calls.push(call);
    return call;
  }

  #take(call: Call, { id, name, given }: Piece): ToolCallEvent[] {
    if (call.index !== undefined) return eventOf(call, call.joiner.push(given));
    call.id ??= id;
    call.held += given;
    if (name === undefined) {
      if (call.held.length > MAX_HELD) throw this.#fail("provider_malformed", "an endless call");
      return [];
    }
    if (name.length > MAX_NAME) throw this.#fail("provider_malformed", "an endless name");
    call.index = this.#ids.size;
    const first = { id: this.#uniqueId(call.id), name, arguments: call.joiner.push(call.held) };
    return [{ type: "tool_call", index: call.index, ...first }];
  }

  #uniqueId(id: string | undefined): string {
    const isGood = id !== undefined && id.length <= MAX_ID && !this.#ids.has(id);
    const unique = isGood ? id : `call_${randomUUID().replaceAll("-", "")}`;
    this.#ids.add(unique);
    return unique;
  }
}

/**
 * Whether a piece begins another call than the last one of its slot. Some repeat the name in each piece,
 * and some make up a new id for each, so only both together say so; without an index the name does.
 */
function isAnother(last: Call, { slot, id, name }: Piece): boolean {
  if (last.index === undefined || name === undefined) return false;
  return slot === undefined || (id !== undefined && id !== last.id);
}

function isNameless({ id, name }: Piece): boolean {
  return id === undefined && name === undefined;
}

function readPiece({ index, id, function: called }: Readonly<Record<string, unknown>>): Piece {
  const { name, arguments: given } = isObject(called) ? called : {};
  return {
    slot: typeof index === "number" && index >= 0 ? index : undefined,
    id: wordOf(id),
    name: wordOf(name),
    // Some give the object itself.
    given: isObject(given) ? JSON.stringify(given) : (wordOf(given) ?? ""),
  };
}

function wordOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function eventOf({ index }: Call, given: string): ToolCallEvent[] {
  return index === undefined || given === ""
    ? []
    : [{ type: "tool_call", index, arguments: given }];
}
