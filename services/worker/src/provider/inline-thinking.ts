/**
 * Tells thinking from text where a model writes both into one field.
 *
 * Servers without a parser for their model's thinking send it as text between `<think>` and
 * `</think>`. Only a tag that begins the answer counts: further on it is what the answer is about.
 */
const OPEN = "<think>";
const CLOSE = "</think>";

export interface Split {
  readonly reasoning: string;
  readonly text: string;
}

export class InlineThinking {
  #state: "start" | "thinking" | "closed" | "text";
  /** What may be the beginning of a tag: pieces end anywhere. */
  #held = "";

  /** @param midText the answer is the continuation of a text, which no tag can begin */
  constructor({ midText }: { readonly midText: boolean }) {
    this.#state = midText ? "text" : "start";
  }

  /** Inside the tags. */
  get isOpen(): boolean {
    return this.#state === "thinking";
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
        return this.#speak(content);
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
    if (seen.startsWith(OPEN)) {
      this.#state = "thinking";
      return this.#think(seen.slice(OPEN.length));
    }
    if (OPEN.startsWith(seen)) return this.#hold(content);
    this.#state = "text";
    return { reasoning: "", text: content };
  }

  #think(content: string): Split {
    const end = content.indexOf(CLOSE);
    if (end < 0) {
      const whole = content.length - beginningAtEnd(content);
      this.#held = content.slice(whole);
      return { reasoning: content.slice(0, whole), text: "" };
    }
    this.#state = "closed";
    return {
      reasoning: content.slice(0, end),
      text: this.#speak(content.slice(end + CLOSE.length)).text,
    };
  }

  /** The empty lines between the closing tag and the text belong to the tag. */
  #speak(content: string): Split {
    const text = content.replace(/^[\r\n]+/, "");
    if (text !== "") this.#state = "text";
    return { reasoning: "", text };
  }

  #hold(content: string): Split {
    this.#held = content;
    return { reasoning: "", text: "" };
  }
}

/** How many characters at the end of `content` may be the beginning of the closing tag. */
function beginningAtEnd(content: string): number {
  for (let length = Math.min(CLOSE.length - 1, content.length); length > 0; length -= 1) {
    if (content.endsWith(CLOSE.slice(0, length))) return length;
  }
  return 0;
}
