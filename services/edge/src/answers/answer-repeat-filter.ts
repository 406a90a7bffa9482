/**
 * The curtain of `repeat-filter.ts` over all that an answer may consist of: text, a refusal, reasoning and
 * tool calls.
 *
 * An id that a later attempt makes up for the same call is another call: the client would return the
 * result of one to the other.
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
  /** Whose arguments came last in the current attempt. */
  #called: number | undefined;

  /**
   * Whether the current attempt has said less than the client has. One that goes on with a text, as
   * providers do that continue it, owes no reasoning.
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

  /** Takes text of the current attempt; answers what of it is new, `undefined` where it differs. */
  text(text: string): string | undefined {
    // Nothing of one attempt is to stand behind what another one refused.
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

  /** Likewise, for a piece of a tool call; `known` where nothing of it is new. */
  call({ index, id, name, arguments: given }: ToolCallEntry): ToolCallEntry | "known" | undefined {
    if (!this.#mayAnswer()) return undefined;
    const isMore = id === undefined && name === undefined && index === this.#called;
    this.#called = index;
    // However its arguments are cut into pieces, a call is the same: one head, then all of them.
    const head = isMore ? "" : this.#calls.pass(`\n${JSON.stringify([index, id, name])}\n`);
    const fresh = head === undefined ? undefined : this.#calls.pass(given);
    if (fresh === undefined) return undefined;
    if (head) return { type: "tool_call", index, id, name, arguments: fresh };
    return fresh === "" ? "known" : { type: "tool_call", index, arguments: fresh };
  }

  /** What one attempt thought is not to stand before what another one answers. */
  #mayAnswer(): boolean {
    if (!this.#hasShown && this.#reasoning.isBehind) return false;
    this.#hasShown = true;
    return true;
  }
}
