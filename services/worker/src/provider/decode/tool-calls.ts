/**
 * The tool calls of one answer, put into one form.
 *
 * A call comes in pieces. The events here count calls from 0 in the order of their first piece. The first event of a
 * call has its id and name, and no later one does. A call that the provider repeats as a whole is passed on once: a
 * client would run it twice.
 */
import { randomUUID } from "node:crypto";
import type { JsonObject } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";
import type { ToolCallEvent } from "../contract/provider-event.ts";
import { CallArguments } from "./call-arguments.ts";
import { type CallPiece, readCalls, readFunctionCall } from "./call-piece.ts";
import { type Call, callOf, isRenamed, repeatedCall } from "./match-call.ts";
import { SurrogateJoiner } from "./text-so-far.ts";

/** As many tools as a request may have. A model that calls more is in a loop. */
const MAX_CALLS = 128;
const MAX_NAME = 256;
/** A longer id is replaced: only the client's next request refers to it. */
const MAX_ID = 256;
/** Most arguments of a call that has no name yet. */
const MAX_HELD = 64 * 1024;

export class ToolCalls {
  readonly #fail: Fail;
  readonly #calls: Call[] = [];
  readonly #ids = new Set<string>();
  /** The same calls in the other field, which some providers send for other clients, in chunks of its own. */
  #copy: ToolCalls | undefined;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  get any(): boolean {
    return this.#ids.size > 0;
  }

  /** Whether the arguments of each call are JSON or empty. */
  get areWhole(): boolean {
    return this.#calls.every((call) => !call.arguments.isHalf);
  }

  /**
   * Takes the calls of a delta, from `tool_calls` or the older `function_call`.
   *
   * @throws ProviderError for too many calls, and for a piece that is not a call or fits none
   */
  push(delta: JsonObject): ToolCallEvent[] {
    const pieces = this.#pieces(delta);
    const [first] = this.#calls;
    if (first && pieces.some(({ slot }) => isOldField(slot) !== isOldField(first.slot))) {
      this.#copy ??= new ToolCalls(this.#fail);
      this.#copy.push(delta);
      return [];
    }
    const before = [...this.#calls];
    return pieces.flatMap((piece) => {
      const call =
        repeatedCall(this.#calls, piece, before) ?? callOf(this.#calls, piece, this.#fail);
      return this.#take(call ?? this.#begin(piece), piece);
    });
  }

  /**
   * Takes the calls of a whole message, one in each element. Calls that came in pieces before add only what was
   * missing.
   *
   * @throws ProviderError as `push`, and if the message contradicts the pieces
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
   * The answer is over. Missing arguments become `{}`. If the answer was cut short they stay missing: the provider
   * might have sent some.
   *
   * @throws ProviderError for a call without a name, and for two fields with different calls
   */
  end({ isWhole }: { readonly isWhole: boolean }): ToolCallEvent[] {
    if (isWhole) this.#compare();
    return this.#calls.flatMap((call) => {
      const { isEmpty, text } = call.arguments;
      if (call.index === undefined && (text !== "" || call.id !== undefined)) {
        throw this.#fail("provider_malformed", "a tool call without a name");
      }
      const isBare = isWhole && isEmpty;
      return eventOf(call, call.joiner.flush() + (isBare ? "{}" : ""));
    });
  }

  /** Some providers send both fields, the older one for old clients. */
  #pieces({ tool_calls, function_call }: JsonObject): CallPiece[] {
    const pieces = readCalls(tool_calls, this.#fail);
    return pieces.length > 0 ? pieces : readFunctionCall(function_call, this.#fail);
  }

  #begin({ slot, id }: CallPiece): Call {
    if (this.#calls.length === MAX_CALLS) {
      throw this.#fail("provider_malformed", `more than ${MAX_CALLS} tool calls`);
    }
    const call = {
      slot,
      id,
      index: undefined,
      name: undefined,
      arguments: new CallArguments(this.#fail),
      joiner: new SurrogateJoiner(),
    };
    this.#calls.push(call);
    return call;
  }

  #take(call: Call, { id, name, given }: CallPiece): ToolCallEvent[] {
    const fresh = call.arguments.push(given);
    if (call.index !== undefined) return eventOf(call, call.joiner.push(fresh));
    call.id ??= id;
    const { text } = call.arguments;
    if (name === undefined) {
      if (text.length > MAX_HELD) throw this.#fail("provider_malformed", "an endless call");
      return [];
    }
    if (name.length > MAX_NAME) throw this.#fail("provider_malformed", "an endless name");
    call.name = name;
    call.index = this.#ids.size;
    const first = { id: this.#uniqueId(call.id), name, arguments: call.joiner.push(text) };
    return [{ type: "tool_call", index: call.index, ...first }];
  }

  /** @throws ProviderError if a client would act on an answer whose calls are not clear */
  #compare(): void {
    if (this.#calls.some((call) => call.arguments.isSpoiled)) {
      throw this.#fail("provider_malformed", "arguments that begin again");
    }
    const isOurs = ({ name, arguments: given }: Call) =>
      this.#calls.some(
        (call) =>
          (name === undefined || name === call.name) &&
          (given.isEmpty || call.arguments.equals(given.text)),
      );
    if (this.#copy && !this.#copy.#calls.every(isOurs)) {
      throw this.#fail("provider_malformed", "tool calls that differ between two fields");
    }
  }

  /** What a whole call adds to its pieces. */
  #restOf(call: Call, { name, given }: CallPiece): string {
    const rest = isRenamed(call, name) ? undefined : call.arguments.restOf(given);
    if (rest !== undefined) return rest;
    throw this.#fail("provider_malformed", "a tool call that differs from its pieces");
  }

  #uniqueId(id: string | undefined): string {
    const isGood = id !== undefined && id.length <= MAX_ID && !this.#ids.has(id);
    const unique = isGood ? id : `call_${randomUUID().replaceAll("-", "")}`;
    this.#ids.add(unique);
    return unique;
  }
}

function isOldField(slot: CallPiece["slot"]): boolean {
  return slot === "function_call";
}

function eventOf({ index }: Call, given: string): ToolCallEvent[] {
  return index === undefined || given === ""
    ? []
    : [{ type: "tool_call", index, arguments: given }];
}
