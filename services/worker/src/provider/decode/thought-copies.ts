/**
 * Keeps thinking from being passed on twice.
 *
 * Thinking may stand in a field, between tags in the text, or in a list. Servers fill more than one of these with
 * the same thinking, at the same time or later. Each class here compares one place with another.
 */
import { TextSoFar } from "./text-so-far.ts";

/**
 * Thinking between tags, behind the same thinking in a field. It is held back as long as it may be a copy. Each piece
 * is compared once.
 */
export class ThoughtEcho {
  readonly #fromFields: TextSoFar;
  /** The thinking of fields that tags did not repeat yet; undefined until the first thinking between tags. */
  #ahead: string | undefined;
  #held = "";
  /** White space at the end of what is held, which a copy may lack. */
  #blank = "";
  #hasMatched = false;
  /** The thinking between the tags is not a copy. */
  #isOwn = false;

  /** @param fromFields thinking of fields and parts, as far as it was passed on */
  constructor(fromFields: TextSoFar) {
    this.#fromFields = fromFields;
  }

  /** Thinking of a field was passed on. */
  note(text: string): void {
    if (this.#ahead !== undefined) this.#ahead += text;
  }

  /** Takes thinking between tags, which may still be open. Returns what to pass on now. */
  freshOf(text: string, isOpen: boolean): string {
    if (this.#isOwn || (text === "" && this.#held === "")) return text;
    this.#held += text;
    if (isOpen && this.#fromFields.any && this.#mayBeCopy(text)) return "";
    const held = this.#held;
    this.#held = "";
    this.#isOwn = true;
    if (!this.#fromFields.any) return held;
    return held.trim() === "" ? "" : this.#fromFields.freshOf(held);
  }

  #mayBeCopy(text: string): boolean {
    this.#ahead ??= this.#fromFields.text.trimStart();
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

/** Thinking in a field, behind the same thinking between tags: a field may repeat it as a whole. */
export class TaggedThought {
  readonly #fromTags = new TextSoFar();
  /** Fields have thinking of their own. */
  #isOwn = false;

  /** Thinking between tags was passed on. */
  note(text: string): void {
    this.#fromTags.add(text);
  }

  /** Takes thinking of a field. Returns what to pass on. */
  freshOf(text: string): string {
    if (this.#isOwn || text === "") return text;
    const fresh = this.#fromTags.any ? this.#fromTags.freshOf(text) : text;
    this.#isOwn = fresh === text;
    return fresh;
  }
}

/**
 * Thinking in a list, behind its pieces in a field. Providers sign thinking once it is complete, and some repeat it
 * with the signature. A list may have all thinking so far, or only the thinking since the last list.
 */
export class ListedThought {
  readonly #all: TextSoFar;
  /** What fields had since the last list. */
  #recent = new TextSoFar();
  /** Lists have thinking of their own. */
  #isOwn = false;

  /** @param all thinking, as far as it was passed on */
  constructor(all: TextSoFar) {
    this.#all = all;
  }

  /** Thinking of a field is passed on. */
  note(text: string): void {
    this.#recent.add(text);
  }

  /** Takes thinking of a list that came without a field. Returns what to pass on. */
  freshOf(text: string): string {
    if (this.#isOwn || text === "") return text;
    const ofAll = this.#all.freshOf(text);
    const fresh = ofAll === text ? this.#recent.freshOf(text) : ofAll;
    this.#isOwn = fresh === text;
    this.#recent = new TextSoFar();
    return fresh;
  }
}
