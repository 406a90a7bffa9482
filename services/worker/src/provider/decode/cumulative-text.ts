/**
 * Keeps text from being told anew with each piece, where pieces have all that was said so far.
 *
 * Most providers send what is new. Some send the whole each time, in the same field and without saying
 * so, and a piece that begins like the text so far may also be a refrain. So it is held back until the
 * next ones show what it is: three pieces, each of which begins with the whole one before and goes
 * further, are no chance. Only the beginning of an answer is looked at: later pieces cannot look like it.
 */
import type { Fail } from "../contract/provider-error.ts";

/** How many in a row are proof. */
const PROOF = 3;
/** "ha", "haha", "hahaha": of fewer signs than these, a refrain is as likely. */
const MIN_SIGNS = 4;
/** As many are held back at most; by then it is a refrain. */
const MAX_HELD = 8;

export class CumulativeText {
  readonly #fail: Fail;
  #state: "unsure" | "pieces" | "wholes" = "unsure";
  /** The last piece, which may be all. */
  #whole = "";
  /** How much of it was told. */
  #told = 0;
  /** How many pieces grew, the first one included. */
  #grown = 0;
  #held: string[] = [];

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /**
   * Gives what a piece adds, or "" while that cannot be told.
   *
   * @throws ProviderError for a piece that contradicts all before it, where each has all
   */
  push(piece: string): string {
    if (piece === "" || this.#state === "pieces") return piece;
    if (this.#state === "wholes") return this.#next(piece);
    if (this.#grown === 0) return this.#begin(piece);
    const isMore = piece.length > this.#whole.length && piece.startsWith(this.#whole);
    const isSame = this.#held.length > 0 && piece === this.#whole;
    if (this.#held.length === MAX_HELD || !(isMore || isSame)) return this.#refute() + piece;
    this.#held.push(piece);
    this.#whole = piece;
    if (isMore) this.#grown += 1;
    const isProven = this.#grown >= PROOF && new Set(piece).size >= MIN_SIGNS;
    return isProven ? this.#prove() : "";
  }

  /** A whole text, which says what the pieces before it were: where all of them fit into it, they were pieces. */
  settle(whole: string): string {
    if (this.#held.length === 0 || !whole.startsWith(this.#whole)) return "";
    const told = this.#whole.slice(0, this.#told);
    return whole.startsWith(told + this.#held.join("")) ? this.#refute() : this.#prove();
  }

  /** Gives what was held back: it is text like any other. */
  flush(): string {
    return this.#held.length === 0 ? "" : this.#refute();
  }

  /** Something is held back. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  #begin(piece: string): string {
    this.#grown = 1;
    this.#whole = piece;
    this.#told = piece.length;
    return piece;
  }

  #refute(): string {
    const held = this.#held.join("");
    this.#held = [];
    this.#whole = "";
    this.#state = "pieces";
    return held;
  }

  #prove(): string {
    this.#held = [];
    this.#state = "wholes";
    return this.#rest();
  }

  #next(piece: string): string {
    if (this.#whole.startsWith(piece)) return "";
    if (!piece.startsWith(this.#whole)) {
      throw this.#fail("provider_malformed", "pieces of all so far that differ");
    }
    this.#whole = piece;
    return this.#rest();
  }

  #rest(): string {
    const rest = this.#whole.slice(this.#told);
    this.#told = this.#whole.length;
    return rest;
  }
}
