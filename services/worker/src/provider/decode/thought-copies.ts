/**
 * Keeps thinking from being told twice.
 *
 * Servers that move their model's thinking into a field of its own do not all take it out of the text:
 * it then stands between tags as well, at the same time or later. What stands there is held back as
 * long as it may be a copy, and told once it turns out to be none. Each piece is compared once.
 */
import { SaidText } from "./text-so-far.ts";

export class ThoughtEcho {
  readonly #told: SaidText;
  /** What was told and has not come again; undefined until something comes between tags. */
  #ahead: string | undefined;
  #held = "";
  /** White space at the end of what was held, which a copy need not have. */
  #blank = "";
  #hasMatched = false;
  /** What stands between the tags is thinking of its own. */
  #isOwn = false;

  /** @param told thinking of fields and parts, as far as it was told */
  constructor(told: SaidText) {
    this.#told = told;
  }

  /** More of it was told just now. */
  told(text: string): void {
    if (this.#ahead !== undefined) this.#ahead += text;
  }

  /** Takes thinking between tags, which are open still or not; gives what is to be told of it now. */
  heard(text: string, isOpen: boolean): string {
    if (this.#isOwn || (text === "" && this.#held === "")) return text;
    this.#held += text;
    if (isOpen && this.#told.any && this.#mayBeCopy(text)) return "";
    const held = this.#held;
    this.#held = "";
    this.#isOwn = true;
    if (!this.#told.any) return held;
    return held.trim() === "" ? "" : this.#told.freshOf(held);
  }

  #mayBeCopy(text: string): boolean {
    this.#ahead ??= this.#told.text.trimStart();
    const more = this.#blank + text;
    const known = this.#hasMatched ? more : more.trimStart();
    const piece = known.trimEnd();
    this.#blank = known.slice(piece.length);
    if (!this.#ahead.startsWith(piece)) return false;
    this.#ahead = this.#ahead.slice(piece.length);
    this.#hasMatched ||= piece !== "";
    return true;
  }
}

/** The other way round: thinking that stood between tags may come once more, as a whole, in a field. */
export class TaggedThought {
  readonly #told = new SaidText();
  /** Fields have thinking of their own. */
  #isOwn = false;

  /** More of it was told, from between tags. */
  told(text: string): void {
    this.#told.add(text);
  }

  /** Takes thinking of a field; gives what is to be told of it. */
  heard(text: string): string {
    if (this.#isOwn || text === "") return text;
    const fresh = this.#told.any ? this.#told.freshOf(text) : text;
    this.#isOwn = fresh === text;
    return fresh;
  }
}
