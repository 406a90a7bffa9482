/** Tells pasted text from keys, in what a terminal sends whose bracketed paste mode is on. */

/** With these a program asks a terminal to say what is pasted, and no longer. */
export const BRACKETED_PASTE = { on: "\u001b[?2004h", off: "\u001b[?2004l" } as const;

export const CTRL_C = "\u0003";

const START = "\u001b[200~";
const END = "\u001b[201~";
/** The control characters that pasted text may have. The terminal would take others for keys or commands. */
const CONTROL = /(?![\t\r\n])\p{Cc}/gu;

export type Typed =
  | { readonly type: "keys"; readonly text: string }
  | { readonly type: "pasted"; readonly text: string };

export class PasteReader {
  #isPasting = false;
  /** The end of what was read, where that may be the beginning of a marker. */
  #rest = "";

  read(text: string): Typed[] {
    const typed: Typed[] = [];
    // Ctrl-C by itself is no part of a paste: the user has seen that the end of the paste does not come.
    if (text === CTRL_C) this.#isPasting = false;
    let left = this.#rest + text;
    for (;;) {
      const marker = this.#isPasting ? END : START;
      const at = left.indexOf(marker);
      if (at < 0) break;
      typed.push(...this.#typed(left.slice(0, at)));
      this.#isPasting = !this.#isPasting;
      left = left.slice(at + marker.length);
    }
    const held = lengthOfStart(left, this.#isPasting ? END : START);
    this.#rest = left.slice(left.length - held);
    typed.push(...this.#typed(left.slice(0, left.length - held)));
    return typed;
  }

  /** For when nothing followed: what was held back was no marker after all, but the key Escape. */
  flush(): Typed[] {
    if (this.#isPasting) return [];
    const typed = this.#typed(this.#rest);
    this.#rest = "";
    return typed;
  }

  #typed(text: string): Typed[] {
    const type = this.#isPasting ? "pasted" : "keys";
    const kept = this.#isPasting ? text.replace(CONTROL, "") : text;
    return kept === "" ? [] : [{ type, text: kept }];
  }
}

/** How much of the text's end is the beginning of a marker. */
function lengthOfStart(text: string, marker: string): number {
  for (let length = marker.length - 1; length > 0; length -= 1) {
    if (text.endsWith(marker.slice(0, length))) return length;
  }
  return 0;
}
