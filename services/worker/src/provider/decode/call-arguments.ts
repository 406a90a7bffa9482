/**
 * The arguments of one tool call, put together from pieces.
 *
 * Most providers send the next part in each piece. Some send all arguments so far, or send the arguments once more
 * when they are complete. A client would run a call with repeated arguments wrongly, so each part is passed on once.
 */
import { isDeepStrictEqual } from "node:util";
import { isObject, parseJson } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";

export class CallArguments {
  readonly #fail: Fail;
  #text = "";
  /** They end like an object. */
  #isClosed = false;
  /** Each piece has all arguments so far. */
  #isCumulative = false;
  /** A piece was appended that may have had all arguments so far. */
  #isUnsure = false;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** All arguments so far. */
  get text(): string {
    return this.#text;
  }

  get isEmpty(): boolean {
    return this.#text.trim() === "";
  }

  /** They are JSON. */
  get isJson(): boolean {
    return parseJson(this.#text) !== undefined;
  }

  /** They break off in the middle. */
  get isHalf(): boolean {
    return !this.isEmpty && !this.isJson;
  }

  /** A piece was read in one of two ways, and the result shows that it was the wrong one. */
  get isSpoiled(): boolean {
    return this.#isUnsure && !this.isJson;
  }

  /**
   * Takes the next piece, and returns what it adds.
   *
   * @throws ProviderError for a piece that contradicts those before it
   */
  push(piece: string): string {
    const fresh = this.#isRepeated(piece) ? "" : this.#freshOf(piece);
    this.#text += fresh;
    if (fresh.trim() !== "") this.#isClosed = fresh.trimEnd().endsWith("}");
    return fresh;
  }

  /** What whole arguments add; undefined if they contradict the pieces. */
  restOf(whole: string): string | undefined {
    if (whole.startsWith(this.#text)) return whole.slice(this.#text.length);
    return whole.trim() === "" || this.equals(whole) ? "" : undefined;
  }

  /** Whether both are the same JSON. */
  equals(other: string): boolean {
    return isSameJson(parseJson(this.#text), parseJson(other));
  }

  /** Whether both are objects that differ. Empty ones may stand for others that come later. */
  differFrom(other: string): boolean {
    const [own, given] = [parseJson(this.#text), parseJson(other)];
    if (!isObject(own) || !isObject(given) || Object.keys(own).length === 0) return false;
    return !isDeepStrictEqual(own, given);
  }

  /** Behind complete arguments, a second object can only be the same arguments again. */
  #isRepeated(piece: string): boolean {
    if (!this.#isClosed || !piece.trimStart().startsWith("{")) return false;
    if (!this.isJson) return false;
    if (this.#text.trim() === piece.trim() || this.equals(piece)) return true;
    throw this.#fail("provider_malformed", "a tool call with two sets of arguments");
  }

  /**
   * What a piece adds, if it may repeat all arguments so far. Where a value may stand, an object that begins like the
   * arguments may be a part of them. Elsewhere it can only be the arguments again.
   */
  #freshOf(piece: string): string {
    const known = this.#text;
    if (this.#isCumulative && known.startsWith(piece)) return "";
    const isAll = piece.length >= known.length && piece.startsWith(known);
    if (isAll && known.trimStart().startsWith("{")) {
      this.#isCumulative ||= !/[:[,]/.test(known.trimEnd().slice(-1));
      this.#isUnsure ||= !this.#isCumulative;
      return this.#isCumulative ? piece.slice(known.length) : piece;
    }
    if (this.#isCumulative) throw this.#fail("provider_malformed", "arguments that begin again");
    return piece;
  }
}

function isSameJson(one: unknown, other: unknown): boolean {
  return one !== undefined && isDeepStrictEqual(one, other);
}
