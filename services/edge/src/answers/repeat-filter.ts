/**
 * Lets a later attempt continue an answer that cannot be taken back.
 *
 * A v1 client keeps what it was sent. If an attempt dies after text was sent, the filter drops the text of the next
 * attempt as long as it repeats that text. After that, new text is passed on. The client then has exactly the text
 * of the later attempt. At the first difference, that is impossible.
 */
export class RepeatFilter {
  /** The text that the client has, or will have once it is written. */
  #shown = "";
  /** How much of that text the current attempt has repeated. */
  #repeated = 0;

  /** Whether the current attempt has said less than the client has. */
  get isBehind(): boolean {
    return this.#repeated < this.#shown.length;
  }

  /** Another attempt begins. */
  restart(): void {
    this.#repeated = 0;
  }

  /** Takes text of the current attempt. Answers its new part; `undefined` if the text differs. */
  pass(text: string): string | undefined {
    const known = this.#shown.slice(this.#repeated, this.#repeated + text.length);
    if (!text.startsWith(known)) return undefined;
    const fresh = text.slice(known.length);
    this.#shown += fresh;
    this.#repeated += text.length;
    return fresh;
  }
}
