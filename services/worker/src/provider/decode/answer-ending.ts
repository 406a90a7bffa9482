/**
 * How an answer ended, by its finish reasons, its end marker and its content.
 *
 * Providers repeat reasons, send them with every piece, or leave them out. So a reason counts only until more of the
 * answer follows, and only some reasons are as good as an end (`isSure`).
 */
import type { FinishReason } from "@openclaw/protocol";
import type { Fail } from "../contract/provider-error.ts";
import type { AnswerContent } from "./answer-content.ts";
import { type Ending, laterEnding } from "./finish-reason.ts";

export interface AnswerEndingOptions {
  readonly fail: Fail;
  /** An empty answer is an error, except as the continuation of a text that was complete already. */
  readonly mayBeEmpty?: boolean;
  /** An end marker behind content is an end, without any reason. */
  readonly finishesWithDone?: boolean;
}

export class AnswerEnding {
  readonly #options: AnswerEndingOptions;
  readonly #fail: Fail;
  #ending: Ending | undefined;
  #hasGoneOn = false;
  #isSure = false;

  constructor(options: AnswerEndingOptions) {
    this.#options = options;
    this.#fail = options.fail;
  }

  /** A reason came. Only usage and the end marker may follow, and both may be missing. */
  get isFinishing(): boolean {
    return this.#ending !== undefined;
  }

  /** More of the answer followed a reason: this provider's reasons do not mean the end. */
  get hasGoneOn(): boolean {
    return this.#hasGoneOn;
  }

  /**
   * Whether the reason is as good as an end: it came behind the answer or with a whole message, or usage followed it.
   * A reason that comes with a piece may come with the next piece as well.
   */
  get isSure(): boolean {
    return this.isFinishing && this.#isSure;
  }

  /** More of the answer came. A reason before it was not the end. */
  goOn(): void {
    this.#hasGoneOn ||= this.isFinishing;
    this.#ending = undefined;
  }

  /** @param isLast the reason came behind the answer, or with a whole message */
  reason(ending: Ending, { isLast }: { readonly isLast: boolean }): void {
    this.#isSure = !this.#hasGoneOn && isLast;
    this.#ending = laterEnding(this.#ending, ending);
  }

  /** An event with nothing but usage came. */
  usage(): void {
    this.#isSure = this.isFinishing && !this.#hasGoneOn;
  }

  /** Another stream took the place of this one. */
  restart(): void {
    this.#ending = undefined;
  }

  /**
   * The finish reason of the whole answer.
   *
   * @param isDone the end marker came
   * @throws ProviderError if the provider did not finish, or finished with an empty answer
   */
  judge(content: AnswerContent, { isDone }: { readonly isDone: boolean }): FinishReason {
    const { isEmpty, hasText, calls } = content;
    const ending = this.#ending ?? (isDone ? this.#endingOfDone(content) : undefined);
    if (ending === undefined) {
      // An end marker alone is a complete answer without content.
      throw this.#fail(isDone && isEmpty ? "provider_empty" : "provider_cut");
    }
    if (ending === "failed") throw this.#fail(isEmpty ? "provider_error" : "provider_cut");
    if (ending === "unknown") {
      throw this.#fail("provider_cut", "finish_reason is a word that is not known");
    }
    if (ending === "context_full") {
      if (!hasText && !calls.any) throw this.#fail("context_length_exceeded");
      return "length";
    }
    if (isEmpty && ending === "content_filter") throw this.#fail("content_filtered");
    // The limit left no room for a word. A second try would cost the same and bring as much.
    if (isEmpty && ending !== "length" && !this.#options.mayBeEmpty) {
      throw this.#fail("provider_empty");
    }
    return this.#withCalls(ending, content);
  }

  /** Neither thinking alone nor half a call is an answer. */
  #endingOfDone({ hasText, calls }: AnswerContent): FinishReason | undefined {
    const isWhole = (hasText || calls.any) && calls.areWhole;
    return this.#options.finishesWithDone && isWhole ? "stop" : undefined;
  }

  /**
   * Clients learn from the reason whether to call a tool, and providers do not agree on it. Some end any call, or a
   * call that the client demanded, with `stop`. Some send `tool_calls` for a call that their parser lost.
   */
  #withCalls(ending: FinishReason, { hasText, calls }: AnswerContent): FinishReason {
    if (ending === "stop" && calls.any) return "tool_calls";
    if (ending !== "tool_calls" || calls.any) return ending;
    if (!hasText) throw this.#fail("provider_malformed", "a tool call that never came");
    return "stop";
  }
}
