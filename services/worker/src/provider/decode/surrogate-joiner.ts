/**
 * Keeps characters whole across deltas.
 *
 * JSON may spell a character beyond the BMP as two escapes, and a provider may put them into two
 * deltas. Either half alone cannot be written as UTF-8: it would reach the user as U+FFFD.
 */
export class SurrogateJoiner {
  #held = "";

  /** Gives what can be sent on now; a high surrogate at the end waits for its other half. */
  push(text: string): string {
    if (text === "") return "";
    const whole = this.#held + text;
    this.#held = "";
    if (!isHighSurrogate(whole.charCodeAt(whole.length - 1))) return whole;
    this.#held = whole.slice(-1);
    return whole.slice(0, -1);
  }

  /** The answer is over: gives what still waits. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
