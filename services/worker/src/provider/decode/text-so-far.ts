/**
 * A whole text that comes behind its own pieces, as some providers send one in their last event.
 */

import type { Fail } from "../contract/provider-error.ts";

/** Of what was said, so much is kept to compare. A whole text is one event, which is no longer. */
const MAX_KEPT = 1024 * 1024;

/** What was said of one text so far. */
export class SaidText {
  #said = "";

  get any(): boolean {
    return this.#said !== "";
  }

  /** Its beginning, where it is long. */
  get text(): string {
    return this.#said;
  }

  add(text: string): void {
    if (this.#said.length <= MAX_KEPT) this.#said += text;
  }

  /**
   * What a whole text has beyond what was said: nothing where it is as long or shorter. White space at
   * both ends does not count, since many servers trim a whole text and no piece.
   *
   * @returns undefined where the two differ: then one of them is wrong
   */
  restOf(whole: string): string | undefined {
    if (!this.any) return whole;
    const [text, said] = [whole.trimStart(), this.#said.trimStart()];
    if (text.trimEnd() === said.trimEnd()) return "";
    if (text.startsWith(said)) return text.slice(said.length);
    return said.startsWith(text.trimEnd()) ? "" : undefined;
  }

  /** What a text that may be a copy has beyond what was said: all of it where it is none. */
  freshOf(text: string): string {
    const rest = this.restOf(text);
    // A copy would be whole by now: what only begins like it is something else.
    const isShorter = rest === "" && !this.isAll(text);
    return isShorter ? text : (rest ?? text);
  }

  /** Whether a whole text ends with all that was said, behind a beginning that was said elsewhere. */
  isEndOf(whole: string): boolean {
    return whole.trimEnd().endsWith(this.#said.trimEnd());
  }

  /** Whether `text`, but for white space at its ends, is all that was said; both have some. */
  isAll(text: string): boolean {
    const core = this.#said.trim();
    return core !== "" && core === text.trim();
  }
}

/** Pieces behind a whole text, which may be what it was made of. */
export class CopiedText {
  /** What would come next of a copy; undefined where there is none. */
  #ahead: string | undefined;
  #hasBegun = false;

  /** A whole answer was told. */
  mayFollow(whole: string): void {
    this.#ahead = whole === "" ? undefined : whole;
    this.#hasBegun = false;
  }

  /**
   * Gives what is to be told of a piece.
   *
   * @throws ProviderError for a copy that ends as another text
   */
  without(piece: string, fail: Fail): string {
    if (this.#ahead === undefined || piece === "") return piece;
    if (this.#ahead !== "" && this.#ahead.startsWith(piece)) {
      this.#ahead = this.#ahead.slice(piece.length);
      this.#hasBegun = true;
      return "";
    }
    if (this.#hasBegun && this.#ahead !== "") {
      throw fail("provider_malformed", "deltas that differ from their whole message");
    }
    this.#ahead = undefined;
    return piece;
  }
}
