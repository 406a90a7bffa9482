/**
 * Separates thinking from text, if a model writes both into one field.
 *
 * Servers without a parser for their model's thinking send it as text between tags. A tag counts only at the beginning
 * of the answer, or right behind other thinking. Further on, the answer may be about tags.
 *
 * States: `start` → `thinking` at an opening tag, → `closed` at a closing tag whose thinking stands in a field,
 * → `text` otherwise. `thinking` → `closed` at the closing tag. `closed` → `thinking` or `text`. `flush` → `text`.
 */
const CLOSE = "</think>";
const TAGS: readonly (readonly [open: string, close: string])[] = [
  ["<think>", CLOSE],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["<seed:think>", "</seed:think>"],
  ["<mm:think>", "</mm:think>"],
  ["[THINK]", "[/THINK]"],
];

export interface Split {
  readonly reasoning: string;
  readonly text: string;
}

type State = "start" | "thinking" | "closed" | "text";

const MOVES: Readonly<Record<State, readonly State[]>> = {
  start: ["thinking", "closed", "text"],
  thinking: ["closed", "text"],
  closed: ["thinking", "text"],
  text: ["text"],
};

export class InlineThinking {
  #state: State;
  /** The tag that ends the thinking. */
  #close = CLOSE;
  /** May be the beginning of a tag: pieces end anywhere. */
  #held = "";
  #isInField = false;

  /** @param midText the answer continues a text, so a tag cannot begin it */
  constructor({ midText }: { readonly midText: boolean }) {
    this.#state = midText ? "text" : "start";
  }

  /** Inside the tags. */
  get isOpen(): boolean {
    return this.#state === "thinking";
  }

  /** A field had thinking. Some servers that move thinking to a field leave the closing tag in the text. */
  noteField(): void {
    this.#isInField = true;
  }

  /** Returns what is certain by now. The beginning of a tag waits for its end. */
  push(piece: string): Split {
    const content = this.#held + piece;
    this.#held = "";
    switch (this.#state) {
      case "start":
        return this.#begin(content);
      case "thinking":
        return this.#think(content);
      case "closed":
        // The empty lines between the closing tag and the text belong to the tag.
        return this.#begin(content.replace(/^[\r\n]+/, ""));
      case "text":
        return { reasoning: "", text: content };
    }
  }

  /** The answer is over: what was held back is not a tag. */
  flush(): Split {
    const held = this.#held;
    this.#held = "";
    const thinking = this.#state === "thinking";
    this.#move("text");
    return { reasoning: thinking ? held : "", text: thinking ? "" : held };
  }

  #begin(content: string): Split {
    const seen = content.trimStart();
    const tag = TAGS.find(([open]) => seen.startsWith(open));
    if (tag) {
      const [open, close] = tag;
      this.#move("thinking");
      this.#close = close;
      return this.#think(seen.slice(open.length));
    }
    const mayClose = this.#isInField && this.#state === "start";
    if (mayClose && seen.startsWith(CLOSE)) {
      this.#move("closed");
      return this.push(seen.slice(CLOSE.length));
    }
    const isBeginning = TAGS.some(([open]) => open.startsWith(seen));
    if (isBeginning || (mayClose && CLOSE.startsWith(seen))) return this.#hold(content);
    this.#move("text");
    return { reasoning: "", text: content };
  }

  #think(content: string): Split {
    const close = this.#close;
    const end = content.indexOf(close);
    if (end < 0) {
      const whole = content.length - beginningAtEnd(content, close);
      this.#held = content.slice(whole);
      return { reasoning: content.slice(0, whole), text: "" };
    }
    this.#move("closed");
    const { reasoning, text } = this.push(content.slice(end + close.length));
    return { reasoning: content.slice(0, end) + reasoning, text };
  }

  #move(state: State): void {
    if (!MOVES[this.#state].includes(state)) throw new Error(`${this.#state} to ${state}`);
    this.#state = state;
  }

  #hold(content: string): Split {
    this.#held = content;
    return { reasoning: "", text: "" };
  }
}

/** How many characters at the end of `content` may be the beginning of the closing tag. */
function beginningAtEnd(content: string, close: string): number {
  for (let length = Math.min(close.length - 1, content.length); length > 0; length -= 1) {
    if (content.endsWith(close.slice(0, length))) return length;
  }
  return 0;
}
