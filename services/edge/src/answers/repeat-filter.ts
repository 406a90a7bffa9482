/**
 * Lets a later attempt continue an answer that cannot be taken back.
 *
 * A v1 client keeps what it was sent. When an attempt dies after text went out, the next one runs
 * behind a curtain: as long as its text equals what the client already has it is swallowed, and
 * where it goes on, the answer goes on. The client then has exactly the later attempt's text. At
 * the first difference that cannot be had any more.
 */
export class RepeatFilter {
  /** What the client has, or will have once it is written. */
  #shown = "";
  /** How much of it the current attempt has repeated. */
  #repeated = 0;

  /** Whether the current attempt has said less than the client has. */
  get isBehind(): boolean {
    return this.#repeated < this.#shown.length;
  }

  /** Another attempt begins. */
  restart(): void {
    this.#repeated = 0;
  }

  /** Takes text of the current attempt; answers what of it is new, `undefined` where it differs. */
  pass(text: string): string | undefined {
    const known = this.#shown.slice(this.#repeated, this.#repeated + text.length);
    if (!text.startsWith(known)) return undefined;
    const fresh = text.slice(known.length);
    this.#shown += fresh;
    this.#repeated += text.length;
    return fresh;
  }
}
