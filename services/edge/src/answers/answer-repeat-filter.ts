/**
 * Filters repeats out of everything that an answer may have: text, a refusal, reasoning and tool calls.
 *
 * If a later attempt repeats a call with a new id, it is another call. Otherwise the client would return the result
 * of one call to the other.
 */
import type { ToolCallEntry } from "@openclaw/stream";
import { RepeatFilter } from "./repeat-filter.ts";

export class AnswerRepeatFilter {
  readonly #text = new RepeatFilter();
  readonly #refusal = new RepeatFilter();
  readonly #reasoning = new RepeatFilter();
  readonly #calls = new RepeatFilter();
  #hasReasoned = false;
  /** Whether the client has more than reasoning. */
  #hasShown = false;
  /** The index of the call whose arguments came last in the current attempt. */
  #called: number | undefined;

  /**
   * Whether the current attempt has said less than the client has. An attempt without reasoning owes none:
   * providers that continue a text begin with text.
   */
  get isBehind(): boolean {
    return (
      this.#text.isBehind ||
      this.#refusal.isBehind ||
      this.#calls.isBehind ||
      (this.#hasReasoned && this.#reasoning.isBehind)
    );
  }

  /** Another attempt begins. */
  restart(): void {
    const filters = [this.#text, this.#refusal, this.#reasoning, this.#calls];
    for (const filter of filters) filter.restart();
    this.#hasReasoned = false;
    this.#called = undefined;
  }

  /** Takes text of the current attempt. Answers its new part; `undefined` if the text differs. */
  text(text: string): string | undefined {
    // Text of one attempt must not follow the refusal of another.
    const followsRefusal = !this.#text.isBehind && this.#refusal.isBehind;
    if (followsRefusal || !this.#mayAnswer()) return undefined;
    return this.#text.pass(text);
  }

  /** Likewise, for a refusal. */
  refusal(text: string): string | undefined {
    if (!this.#mayAnswer() || this.#text.isBehind) return undefined;
    return this.#refusal.pass(text);
  }

  /** Likewise, for reasoning. */
  reasoning(text: string): string | undefined {
    this.#hasReasoned = true;
    return this.#reasoning.pass(text);
  }

  /** Likewise, for a piece of a tool call; `known` if no part of it is new. */
  call({ index, id, name, arguments: given }: ToolCallEntry): ToolCallEntry | "known" | undefined {
    if (!this.#mayAnswer()) return undefined;
    const isMore = id === undefined && name === undefined && index === this.#called;
    this.#called = index;
    // Attempts may cut the arguments into different pieces. The comparison sees one head, then all arguments.
    const head = isMore ? "" : this.#calls.pass(`\n${JSON.stringify([index, id, name])}\n`);
    const fresh = head === undefined ? undefined : this.#calls.pass(given);
    if (fresh === undefined) return undefined;
    if (head) return { type: "tool_call", index, id, name, arguments: fresh };
    return fresh === "" ? "known" : { type: "tool_call", index, arguments: fresh };
  }

  /** The reasoning of one attempt must not stand before the answer of another. */
  #mayAnswer(): boolean {
    if (!this.#hasShown && this.#reasoning.isBehind) return false;
    this.#hasShown = true;
    return true;
  }
}
