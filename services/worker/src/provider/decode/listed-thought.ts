/**
 * Keeps thinking from being told twice where fields have it in pieces, and a list behind them has it whole.
 *
 * Providers sign thinking once it is whole, and some repeat it with the signature. A list may have all
 * that was thought, or what was thought since the last one.
 */
import { SaidText } from "./text-so-far.ts";

export class ListedThought {
  readonly #told: SaidText;
  /** What fields told since the last list. */
  #recent = new SaidText();
  /** Lists have thinking of their own. */
  #isOwn = false;

  /** @param told all thinking, as far as it was told */
  constructor(told: SaidText) {
    this.#told = told;
  }

  /** More of it was told by a field just now. */
  told(text: string): void {
    this.#recent.add(text);
  }

  /** Takes thinking of a list that came without a field; gives what is to be told of it. */
  heard(text: string): string {
    if (this.#isOwn || text === "") return text;
    const ofAll = this.#told.freshOf(text);
    const fresh = ofAll === text ? this.#recent.freshOf(text) : ofAll;
    this.#isOwn = fresh === text;
    this.#recent = new SaidText();
    return fresh;
  }
}
