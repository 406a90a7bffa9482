/**
 * The content of one answer, put together from deltas and whole messages: texts and tool calls, each passed on
 * once.
 */
import { isObject, type JsonObject } from "../contract/json.ts";
import { type Fail, malformed } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import { AnswerTexts } from "./answer-texts.ts";
import { readDelta } from "./delta-content.ts";
import { CopiedText } from "./text-so-far.ts";
import { ToolCalls } from "./tool-calls.ts";

export interface AnswerContentOptions {
  readonly fail: Fail;
  /** The answer continues a text, so it may be empty. */
  readonly mayBeEmpty?: boolean;
  /** The request had tools. Without tools, calls are no part of the answer: the client could not run them. */
  readonly mayCall?: boolean;
}

export class AnswerContent {
  readonly calls: ToolCalls;
  readonly #fail: Fail;
  readonly #mayCall: boolean;
  readonly #texts: AnswerTexts;
  readonly #copy = new CopiedText();
  #hasDeltas = false;
  /** Deltas stand in the field `message`. */
  #isInMessages = false;
  #pieces = 0;

  constructor({ fail, mayBeEmpty = false, mayCall = false }: AnswerContentOptions) {
    this.#fail = fail;
    this.#mayCall = mayCall;
    this.calls = new ToolCalls(fail);
    this.#texts = new AnswerTexts({ fail, midText: mayBeEmpty });
  }

  /** How many deltas and messages had something new. */
  get pieces(): number {
    return this.#pieces;
  }

  get isEmpty(): boolean {
    return !this.hasText && !this.#texts.hasThinking && !this.calls.any;
  }

  /** Text that a user is to read, or a refusal. */
  get hasText(): boolean {
    return this.#texts.hasText;
  }

  /**
   * Reads the content of a choice.
   *
   * @param object the event's own name for what it is: a chunk, or a whole completion
   * @throws ProviderError for an unknown form, and for a message that contradicts its deltas
   */
  read(choice: JsonObject, object: unknown): ProviderEvent[] {
    const delta = this.#objectOf(choice, "delta");
    const message = this.#objectOf(choice, "message");
    this.#hasDeltas ||= delta !== undefined;
    // The older completions API has its text in the choice itself.
    if (!delta && !message) return this.#delta({ ...besideOf(choice, {}), content: choice.text });
    const events = delta ? this.#delta({ ...delta, ...besideOf(choice, delta) }) : [];
    if (!message) return events;
    if (this.#isPiece(choice, object)) return this.#delta(message);
    events.push(...this.#message(message));
    // A message beside a delta has the text so far; the next deltas go on and do not repeat it.
    if (choice.finish_reason && !delta) this.#copy.mayFollow(this.#texts.raw);
    return events;
  }

  /** Some providers write `message` for `delta`, and some of these do not send `object`. */
  #isPiece({ finish_reason }: JsonObject, object: unknown): boolean {
    if (this.#hasDeltas || object === "chat.completion") return false;
    this.#isInMessages ||= object === "chat.completion.chunk" || !finish_reason;
    return this.#isInMessages;
  }

  /** The answer is over: what was held back is passed on as it is. */
  flush(): ProviderEvent[] {
    return this.#texts.flush();
  }

  /** @param isWhole the answer was not cut short */
  end({ isWhole }: { readonly isWhole: boolean }): ProviderEvent[] {
    return [...this.#texts.end(), ...(this.#mayCall ? this.calls.end({ isWhole }) : [])];
  }

  #objectOf(choice: JsonObject, name: "delta" | "message"): JsonObject | undefined {
    const value = choice[name];
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) throw malformed(this.#fail, name, value);
    return value;
  }

  #delta(delta: JsonObject): ProviderEvent[] {
    const content = readDelta(delta, this.#fail);
    const text = this.#copy.without(content.text, this.#fail);
    const { events, isNew } = this.#texts.addDelta({ ...content, text });
    const calls = this.#mayCall ? this.calls.push(delta) : [];
    if (isNew || calls.length > 0) this.#pieces += 1;
    return [...events, ...calls];
  }

  #message(message: JsonObject): ProviderEvent[] {
    const { events, isNew } = this.#texts.addWhole(readDelta(message, this.#fail));
    const calls = this.#mayCall ? this.calls.pushWhole(message) : [];
    this.#pieces += (isNew ? 1 : 0) + (calls.length > 0 ? 1 : 0);
    return [...events, ...calls];
  }
}

/** Content in the choice itself, if the delta has none. */
function besideOf({ text, tool_calls }: JsonObject, { content }: JsonObject): JsonObject {
  const isMissing = content === undefined || content === null || content === "";
  return {
    ...(isMissing && text ? { content: text } : {}),
    ...(tool_calls === undefined ? {} : { tool_calls }),
  };
}
