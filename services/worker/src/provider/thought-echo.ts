/**
 * Keeps thinking from being told twice.
 *
 * Servers that move their model's thinking into a field of its own do not all take it out of the text:
 * it then stands between tags as well, at the same time or later. What stands there is held back as
 * long as it may be a copy, and told once it turns out to be none.
 */
import { SaidText } from "./whole-text.ts";

export class ThoughtEcho {
  readonly #told = new SaidText();
  #held = "";
  /** What stands between the tags is thinking of its own. */
  #isOwn = false;

  /** Takes thinking of a field or a part, which is told in any case. */
  told(text: string): void {
    this.#told.add(text);
  }

  /** Takes thinking between tags, which are open still or not; gives what is to be told of it now. */
  heard(text: string, isOpen: boolean): string {
    if (this.#isOwn || (text === "" && this.#held === "")) return text;
    this.#held += text;
    if (isOpen && this.#told.any && this.#told.mayBegin(this.#held)) return "";
    const held = this.#held;
    this.#held = "";
    this.#isOwn = true;
    return this.#told.any ? this.#fresh(held) : held;
  }

  #fresh(held: string): string {
    if (held.trim() === "") return "";
    const rest = this.#told.restOf(held);
    // A copy would be whole by now: what only begins like it is something else.
    const isShorter = rest === "" && !this.#told.isAll(held);
    return isShorter ? held : (rest ?? held);
  }
}
