/**
 * Recognises providers whose pieces repeat all text so far, and passes on only what is new.
 *
 * Most providers send what is new. Some send the whole text each time, in the same field and without a sign. A piece
 * that begins like the text so far may also be a refrain. So it is held back until the next pieces decide. Three
 * pieces in a row that each begin with the piece before and add to it are proof. Only the beginning of an answer is
 * examined: a later piece cannot look like the whole text.
 *
 * States: `unsure` → `wholes` by proof, or `pieces` by a piece that does not fit. Both are final.
 */
import type { Fail } from "../contract/provider-error.ts";

/** How many pieces in a row are proof. */
const PROOF = 3;
/** "ha", "haha", "hahaha": with fewer different characters than this, a refrain is as likely. */
const MIN_SIGNS = 4;
/** Most pieces that are held back. A longer row is a refrain. */
const MAX_HELD = 8;

type State = "unsure" | "pieces" | "wholes";

export class CumulativeText {
  readonly #fail: Fail;
  #state: State = "unsure";
  /** The last piece, which may be the whole text. */
  #whole = "";
  /** How much of it was passed on. */
  #passed = 0;
  /** How many pieces in a row each added to the one before. */
  #grown = 0;
  #held: string[] = [];

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /**
   * Returns what a piece adds, or "" while that is not known.
   *
   * @throws ProviderError in the state `wholes`, for a piece that contradicts the text so far
   */
  push(piece: string): string {
    if (piece === "" || this.#state === "pieces") return piece;
    if (this.#state === "wholes") return this.#next(piece);
    if (this.#grown === 0) return this.#begin(piece);
    const isMore = piece.length > this.#whole.length && piece.startsWith(this.#whole);
    const isSame = this.#held.length > 0 && piece === this.#whole;
    if (this.#held.length === MAX_HELD || !(isMore || isSame)) return this.#refute() + piece;
    const repeated = this.#whole;
    this.#held.push(piece);
    this.#whole = piece;
    if (isMore) this.#grown += 1;
    // Empty lines in front of the first words are no text that a provider repeats.
    const hasProof = this.#grown >= PROOF && repeated.trim() !== "";
    return hasProof && new Set(piece).size >= MIN_SIGNS ? this.#prove() : "";
  }

  /** Takes a whole text. If all held pieces fit into it one after the other, they were pieces; otherwise wholes. */
  settle(whole: string): string {
    if (this.#held.length === 0 || !whole.startsWith(this.#whole)) return "";
    const passed = this.#whole.slice(0, this.#passed);
    return whole.startsWith(passed + this.#held.join("")) ? this.#refute() : this.#prove();
  }

  /** Returns what was held back: it is text like any other. */
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
    this.#passed = piece.length;
    return piece;
  }

  #refute(): string {
    const held = this.#held.join("");
    this.#whole = "";
    this.#decide("pieces");
    return held;
  }

  #prove(): string {
    this.#decide("wholes");
    return this.#rest();
  }

  #decide(state: Exclude<State, "unsure">): void {
    if (this.#state !== "unsure") throw new Error(`pieces are ${this.#state} already`);
    this.#held = [];
    this.#state = state;
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
    const rest = this.#whole.slice(this.#passed);
    this.#passed = this.#whole.length;
    return rest;
  }
}
