/**
 * Tells thinking from text where a model writes both into one field.
 *
 * Servers without a parser for their model's thinking send it as text between tags. Only a tag that
 * begins the answer counts, or follows thinking at once: further on it is what the answer is about.
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

export class InlineThinking {
  #state: "start" | "thinking" | "closed" | "text";
  /** What ends the thinking. */
  #close = CLOSE;
  /** What may be the beginning of a tag: pieces end anywhere. */
  #held = "";
  #isElsewhere = false;

  /** @param midText the answer is the continuation of a text, which no tag can begin */
  constructor({ midText }: { readonly midText: boolean }) {
    this.#state = midText ? "text" : "start";
  }

  /** Inside the tags. */
  get isOpen(): boolean {
    return this.#state === "thinking";
  }

  /** A field had thinking: some servers that move it there leave the closing tag behind. */
  elsewhere(): void {
    this.#isElsewhere = true;
  }

  /** Gives what can be told by now; the beginning of a tag waits for its end. */
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

  /** The answer is over: what still waits is no tag. */
  flush(): Split {
    const held = this.#held;
    this.#held = "";
    const thinking = this.#state === "thinking";
    this.#state = "text";
    return { reasoning: thinking ? held : "", text: thinking ? "" : held };
  }

  #begin(content: string): Split {
    const seen = content.trimStart();
    const tag = TAGS.find(([open]) => seen.startsWith(open));
    if (tag) {
      const [open, close] = tag;
      this.#state = "thinking";
      this.#close = close;
      return this.#think(seen.slice(open.length));
    }
    const mayClose = this.#isElsewhere && this.#state === "start";
    if (mayClose && seen.startsWith(CLOSE)) {
      this.#state = "closed";
      return this.push(seen.slice(CLOSE.length));
    }
    const isBeginning = TAGS.some(([open]) => open.startsWith(seen));
    if (isBeginning || (mayClose && CLOSE.startsWith(seen))) return this.#hold(content);
    this.#state = "text";
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
    this.#state = "closed";
    const { reasoning, text } = this.push(content.slice(end + close.length));
    return { reasoning: content.slice(0, end) + reasoning, text };
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
