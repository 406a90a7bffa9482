/**
 * The tool calls of one answer, put into one form.
 *
 * A call comes in pieces, and which piece belongs to which call is told differently by everyone: by an
 * index, by an index that is -1, absent or 0 for all of them, by an id, or by nothing but order and name. What
 * leaves here counts calls from 0 in order of their first appearance, has an id and a name on the first
 * piece of each and on no other, and the arguments as they came. A call that is told once more as a
 * whole is told once: a client would run it twice.
 */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { isObject, type JsonObject, parseJson } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";
import type { ToolCallEvent } from "../contract/provider-event.ts";
import { type CallPiece, readCalls, readFunctionCall } from "./call-piece.ts";
import { SurrogateJoiner } from "./surrogate-joiner.ts";

/** As many as a request may have tools. A model that calls more is in a loop. */
const MAX_CALLS = 128;
const MAX_NAME = 256;
/** A longer id is replaced: nobody but the client's next request refers to it. */
const MAX_ID = 256;
/** How much may come of a call that has no name yet. */
const MAX_HELD = 64 * 1024;

interface Call {
  readonly slot: CallPiece["slot"];
  /** Its number among those that were told; undefined until its name is known. */
  index: number | undefined;
  /** The provider's own. */
  id: string | undefined;
  name: string | undefined;
  /** All arguments so far, and whether they end like an object. */
  given: string;
  isClosed: boolean;
  /** Each piece has all arguments so far. */
  isCumulative: boolean;
  /** A piece may have had all of them, or not. */
  isUnsure: boolean;
  readonly joiner: SurrogateJoiner;
}

export class ToolCalls {
  readonly #fail: Fail;
  readonly #calls: Call[] = [];
  readonly #ids = new Set<string>();
  /** The same calls in the other field, for other clients, where that comes in chunks of its own. */
  #copy: ToolCalls | undefined;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** Whether there is one. */
  get any(): boolean {
    return this.#ids.size > 0;
  }

  /** Whether the arguments of each are JSON, or none. */
  get areWhole(): boolean {
    return this.#calls.every(({ given }) => given.trim() === "" || parseJson(given) !== undefined);
  }

  /**
   * Takes the calls of a delta, `tool_calls` or the older `function_call`.
   *
   * @throws ProviderError for more than any answer has, and for what is no call
   */
  push(delta: JsonObject): ToolCallEvent[] {
    const pieces = this.#pieces(delta);
    const [first] = this.#calls;
    if (first && pieces.some(({ slot }) => isOfOld(slot) !== isOfOld(first.slot))) {
      this.#copy ??= new ToolCalls(this.#fail);
      this.#copy.push(delta);
      return [];
    }
    const before = [...this.#calls];
    return pieces.flatMap((piece) =>
      this.#take(this.#toldIn(before, piece) ?? this.#callOf(piece), piece),
    );
  }

  /**
   * Takes the calls of a whole message, where each element is a call of its own. Those that pieces told
   * of before are told no more of than was missing.
   *
   * @throws ProviderError as `push`, and where the message contradicts the pieces
   */
  pushWhole(message: JsonObject): ToolCallEvent[] {
    const known = [...this.#calls];
    return this.#pieces(message).flatMap((piece) => {
      const same = known.find(({ id }) => id !== undefined && id === piece.id) ?? known[0];
      if (same === undefined) return this.#take(this.#begin(piece), piece);
      known.splice(known.indexOf(same), 1);
      return this.#take(same, { ...piece, given: this.#restOf(same, piece) });
    });
  }

  /**
   * The answer is over. Arguments that never came are `{}`, unless the answer was cut short: then they
   * might have come.
   *
   * @throws ProviderError where a call was never named, or stands in two fields in two ways
   */
  end({ isWhole }: { readonly isWhole: boolean }): ToolCallEvent[] {
    if (isWhole) this.#compare();
    return this.#calls.flatMap((call) => {
      if (call.index === undefined && (call.given !== "" || call.id !== undefined)) {
        throw this.#fail("provider_malformed", "a tool call without a name");
      }
      const isBare = isWhole && call.given.trim() === "";
      return eventOf(call, call.joiner.flush() + (isBare ? "{}" : ""));
    });
  }

  /** Some send both, the older one for old clients. */
  #pieces({ tool_calls, function_call }: JsonObject): CallPiece[] {
    const pieces = readCalls(tool_calls, this.#fail);
    return pieces.length > 0 ? pieces : readFunctionCall(function_call, this.#fail);
  }

  /** A call that comes once more as a whole, without saying which one it is. */
  #toldIn(calls: readonly Call[], piece: CallPiece): Call | undefined {
    if (this.#idOf(piece) !== undefined || piece.name === undefined) return undefined;
    const whole = parseJson(piece.given);
    if (whole === undefined) return undefined;
    return calls.find(
      ({ slot, name, given }) =>
        (piece.slot === undefined || piece.slot === slot) &&
        name === piece.name &&
        isDeepStrictEqual(whole, parseJson(given)),
    );
  }

  #callOf(piece: CallPiece): Call {
    const { slot, name } = piece;
    const id = this.#idOf(piece);
    const inSlot = this.#calls.filter((call) => call.slot === slot);
    // A call that is repeated may have lost its index.
    const among = slot === undefined ? this.#calls : inSlot;
    const same = id === undefined ? undefined : among.find((call) => call.id === id);
    // What names nobody goes on with what came last, wherever that was said to be.
    const last = inSlot.at(-1) ?? (isNameless(piece) ? this.#calls.at(-1) : undefined);
    if (same && !isRenamed(same, name)) return same;
    return last && !this.#isAnother(last, piece) ? last : this.#begin(piece);
  }

  /** Some give each call the name of its function for an id, which tells none from another. */
  #idOf({ id, name }: CallPiece): string | undefined {
    const isName = id === name || this.#calls.some((call) => call.id === id && call.name === id);
    return isName ? undefined : id;
  }

  /**
   * Whether a piece begins another call than the last one of its slot. Some repeat the name in each piece,
   * and some make up a new id for each, so neither alone says so; without an index the name does, another
   * name does, and so do whole arguments behind others.
   */
  #isAnother(last: Call, piece: CallPiece): boolean {
    const { slot, name } = piece;
    const id = this.#idOf(piece);
    if (last.index === undefined || name === undefined) return false;
    if (id !== undefined && id !== last.id) return true;
    const isHalf = last.given.trim() !== "" && parseJson(last.given) === undefined;
    if (isRenamed(last, name)) {
      // The rest of a name, for all that can be told.
      const mayBeRest = last.given === "" && id === undefined && this.#idOf(last) !== undefined;
      if (!isHalf && !mayBeRest) return true;
      throw this.#fail("provider_malformed", "a tool call with two names");
    }
    return slot === undefined ? !isHalf : this.#areOthers(last, piece);
  }

  /** Empty ones may stand for others that come later. */
  #areOthers({ given: said }: Call, { given }: CallPiece): boolean {
    const [one, other] = [parseJson(said), parseJson(given)];
    if (!isObject(one) || !isObject(other) || Object.keys(one).length === 0) return false;
    return !isDeepStrictEqual(one, other);
  }

  #begin({ slot, id }: CallPiece): Call {
    if (this.#calls.length === MAX_CALLS) {
      throw this.#fail("provider_malformed", `more than ${MAX_CALLS} tool calls`);
    }
    const joiner = new SurrogateJoiner();
    const call = {
      slot,
      id,
      index: undefined,
      name: undefined,
      given: "",
      isClosed: false,
      isCumulative: false,
      isUnsure: false,
      joiner,
    };
    this.#calls.push(call);
    return call;
  }

  #take(call: Call, piece: CallPiece): ToolCallEvent[] {
    const { id, name } = piece;
    const given = this.#isRepeated(call, piece) ? "" : this.#freshOf(call, piece);
    call.given += given;
    if (given.trim() !== "") call.isClosed = given.trimEnd().endsWith("}");
    if (call.index !== undefined) return eventOf(call, call.joiner.push(given));
    call.id ??= id;
    if (name === undefined) {
      if (call.given.length > MAX_HELD) throw this.#fail("provider_malformed", "an endless call");
      return [];
    }
    if (name.length > MAX_NAME) throw this.#fail("provider_malformed", "an endless name");
    call.name = name;
    call.index = this.#ids.size;
    const first = { id: this.#uniqueId(call.id), name, arguments: call.joiner.push(call.given) };
    return [{ type: "tool_call", index: call.index, ...first }];
  }

  /** Behind arguments that are whole, others can only be the same ones again. */
  #isRepeated({ given: said, isClosed }: Call, { given }: CallPiece): boolean {
    if (!isClosed || !given.trimStart().startsWith("{")) return false;
    const whole = parseJson(said);
    if (whole === undefined) return false;
    if (said.trim() === given.trim() || isSameJson(whole, parseJson(given))) return true;
    throw this.#fail("provider_malformed", "a tool call with two sets of arguments");
  }

  /**
   * What a piece adds, where it may have all that came before once more. An object that begins like the
   * whole is part of it only where a value may stand; elsewhere it can only be the whole again.
   */
  #freshOf(call: Call, { given }: CallPiece): string {
    const { given: said, isCumulative } = call;
    if (isCumulative && said.startsWith(given)) return "";
    const isAll = given.length >= said.length && given.startsWith(said);
    if (isAll && said.trimStart().startsWith("{")) {
      call.isCumulative ||= !/[:[,]/.test(said.trimEnd().slice(-1));
      call.isUnsure ||= !call.isCumulative;
      return call.isCumulative ? given.slice(said.length) : given;
    }
    if (isCumulative) throw this.#fail("provider_malformed", "arguments that begin anew");
    return given;
  }

  /** @throws ProviderError where the answer would be acted on, and nobody knows how */
  #compare(): void {
    if (this.#calls.some(({ isUnsure, given }) => isUnsure && parseJson(given) === undefined)) {
      throw this.#fail("provider_malformed", "arguments that begin anew");
    }
    const isOurs = ({ name, given }: Call) =>
      this.#calls.some(
        (call) =>
          (name === undefined || name === call.name) &&
          (given.trim() === "" || isSameJson(parseJson(given), parseJson(call.given))),
      );
    if (this.#copy && !this.#copy.#calls.every(isOurs)) {
      throw this.#fail("provider_malformed", "tool calls that differ between two fields");
    }
  }

  /** What a whole call has beyond what its pieces had. */
  #restOf(call: Call, { name, given }: CallPiece): string {
    const { given: said } = call;
    if (!isRenamed(call, name)) {
      if (given.startsWith(said)) return given.slice(said.length);
      if (given.trim() === "" || isSameJson(parseJson(said), parseJson(given))) return "";
    }
    throw this.#fail("provider_malformed", "a tool call that differs from its pieces");
  }

  #uniqueId(id: string | undefined): string {
    const isGood = id !== undefined && id.length <= MAX_ID && !this.#ids.has(id);
    const unique = isGood ? id : `call_${randomUUID().replaceAll("-", "")}`;
    this.#ids.add(unique);
    return unique;
  }
}

function isRenamed(call: Call, name: string | undefined): boolean {
  return name !== undefined && call.name !== undefined && name !== call.name;
}

function isOfOld(slot: CallPiece["slot"]): boolean {
  return slot === "function_call";
}

function isNameless({ id, name }: CallPiece): boolean {
  return id === undefined && name === undefined;
}

function isSameJson(one: unknown, other: unknown): boolean {
  return one !== undefined && isDeepStrictEqual(one, other);
}

function eventOf({ index }: Call, given: string): ToolCallEvent[] {
  return index === undefined || given === ""
    ? []
    : [{ type: "tool_call", index, arguments: given }];
}
