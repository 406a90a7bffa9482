/**
 * The answers of the chat completions API as all providers share it: chunks, read into events.
 *
 * Providers differ in what they leave out, repeat and merge, so nothing here relies on one order of
 * chunks: role, text, reasoning, finish reason and usage may come alone or together, in any chunk.
 */
import type { FinishReason, Usage } from "@openclaw/protocol";
import { classifyRefusal, type Dialect, refusalDetail } from "./dialects/dialect.ts";
import { type Ending, readFinishReason } from "./finish-reason.ts";
import { gluedChunk } from "./glued-chunk.ts";
import { InlineThinking, type Split } from "./inline-thinking.ts";
import { parseObject } from "./parse-object.ts";
import type { Fail, ProviderError } from "./provider-error.ts";
import type { ProviderEvent } from "./provider-event.ts";
import { isObject, readErrorObject } from "./refusal.ts";
import type { SseEvent } from "./sse-parser.ts";
import { SurrogateJoiner } from "./surrogate-joiner.ts";
import { ToolCalls } from "./tool-calls.ts";
import { readUsage } from "./usage.ts";

export const CHAT_COMPLETIONS_PATH = "/chat/completions";

/** A model's name longer than this is not one. */
const MAX_MODEL_LENGTH = 256;

export interface CompletionReaderOptions {
  readonly dialect: Dialect;
  readonly fail: Fail;
  /** An answer without content is none, except as the continuation of one that was whole already. */
  readonly mayBeEmpty?: boolean;
  /** The request had tools. Otherwise nobody knows what to do with a call: it is no part of the answer. */
  readonly mayCall?: boolean;
}

/** Reads one answer. Knows nothing of bytes: it is given events, or the one object of a plain JSON answer. */
export class CompletionReader {
  readonly #dialect: Dialect;
  readonly #fail: Fail;
  readonly #mayBeEmpty: boolean;
  readonly #mayCall: boolean;
  #calls: ToolCalls;
  #thinking: InlineThinking;
  readonly #text = new SurrogateJoiner();
  readonly #reasoning = new SurrogateJoiner();
  #sawText = false;
  #sawReasoning = false;
  #ending: Ending | undefined;
  #usage: Usage | undefined;
  #model: string | undefined;
  #done = false;

  constructor({ dialect, fail, mayBeEmpty = false, mayCall = false }: CompletionReaderOptions) {
    this.#dialect = dialect;
    this.#fail = fail;
    this.#mayBeEmpty = mayBeEmpty;
    this.#mayCall = mayCall;
    this.#calls = new ToolCalls(fail);
    this.#thinking = new InlineThinking({ midText: mayBeEmpty });
  }

  /** The provider said that nothing follows. */
  get done(): boolean {
    return this.#done;
  }

  /** The provider said why it stopped; only usage and the end marker may follow, and may be missing. */
  get finishing(): boolean {
    return this.#ending !== undefined;
  }

  /** @throws ProviderError for an error in the stream, and for what is not JSON */
  readEvent({ event, data }: SseEvent): ProviderEvent[] {
    const trimmed = data.trim();
    if (this.#done || trimmed === "") return [];
    if (trimmed === "[DONE]") {
      this.#done = true;
      return [];
    }
    const json = parseObject(trimmed);
    if (event === "error") throw this.#refused(json ?? {});
    return this.readObject(json ?? this.#resync(trimmed));
  }

  /** As `readEvent`, for an event the stream broke off in: if it is not whole it does not count. */
  readLastEvent(event: SseEvent): ProviderEvent[] {
    const data = event.data.trim();
    return data === "[DONE]" || parseObject(data) !== undefined ? this.readEvent(event) : [];
  }

  /** Reads a chunk, or a whole completion, which has `message` where a chunk has `delta`. */
  readObject(json: Readonly<Record<string, unknown>>): ProviderEvent[] {
    const error = readErrorObject(json);
    if (error !== undefined) throw this.#refused(json);
    // Cumulative, merged into the last chunk or in one of its own: the last one seen is the sum.
    this.#usage = readUsage(json.usage) ?? this.#usage;
    if (typeof json.model === "string" && json.model !== "") {
      this.#model ??= json.model.slice(0, MAX_MODEL_LENGTH);
    }
    const choice: unknown = Array.isArray(json.choices) ? json.choices[0] : undefined;
    if (!isObject(choice)) return [];
    const delta = [choice.delta, choice.message].find(isObject) ?? {};
    const whole = delta !== choice.delta;
    const events = [...this.#readDelta(delta), ...this.#readCalls(delta.tool_calls, whole)];
    this.#ending = readFinishReason(choice.finish_reason) ?? this.#ending;
    return events;
  }

  /**
   * The answer is over: gives the last event.
   *
   * @throws ProviderError where the provider did not finish, or finished with nothing
   */
  finish(): ProviderEvent[] {
    const rest = this.#pass(this.#thinking.flush());
    const finish = this.#judge();
    return [
      ...rest,
      ...textEvent("reasoning", this.#reasoning.flush()),
      ...textEvent("text", this.#text.flush()),
      ...this.#calls.end(),
      { type: "finished", finish, usage: this.#usage, model: this.#model },
    ];
  }

  #readDelta(delta: Readonly<Record<string, unknown>>): ProviderEvent[] {
    const { content, reasoning_content, reasoning } = delta;
    const thought = [reasoning_content, reasoning].find((value) => isText(value)) ?? "";
    const { reasoning: inline, text } = this.#thinking.push(isText(content) ? content : "");
    return this.#pass({ reasoning: thought + inline, text });
  }

  #readCalls(raw: unknown, whole: boolean): ProviderEvent[] {
    return this.#mayCall ? this.#calls.push(raw, { whole }) : [];
  }

  get #saidNothing(): boolean {
    return !this.#sawText && !this.#sawReasoning && !this.#calls.any;
  }

  #pass({ reasoning, text }: Split): ProviderEvent[] {
    this.#sawReasoning ||= reasoning !== "";
    this.#sawText ||= text !== "";
    return [
      ...textEvent("reasoning", this.#reasoning.push(reasoning)),
      ...textEvent("text", this.#text.push(text)),
    ];
  }

  /**
   * A frame that is not JSON may be one that broke off, with another stream glued to it. Where
   * nothing was said yet, that one is the answer; otherwise text of two answers would be spliced.
   */
  #resync(data: string): Readonly<Record<string, unknown>> {
    const glued = gluedChunk(data);
    if (glued === undefined) throw this.#fail("provider_malformed", "not JSON");
    if (!this.#saidNothing) {
      throw this.#fail("provider_malformed", "two streams in one");
    }
    this.#thinking = new InlineThinking({ midText: this.#mayBeEmpty });
    this.#calls = new ToolCalls(this.#fail);
    this.#ending = undefined;
    this.#usage = undefined;
    this.#model = undefined;
    return glued;
  }

  #judge(): FinishReason {
    const ending = this.#ending;
    const empty = this.#saidNothing;
    if (ending === undefined) {
      // An end marker alone, with nothing before it, is a finished answer without content.
      throw this.#fail(this.#done && empty ? "provider_empty" : "provider_cut");
    }
    if (ending === "failed") throw this.#fail(empty ? "provider_error" : "provider_cut");
    if (ending === "context_full") {
      if (!this.#sawText && !this.#calls.any) throw this.#fail("context_length_exceeded");
      return "length";
    }
    if (empty && ending === "content_filter") throw this.#fail("content_filtered");
    if (empty && !this.#mayBeEmpty) throw this.#fail("provider_empty");
    return this.#withCalls(ending);
  }

  /**
   * Clients go by the reason whether they are to call a tool, and providers do not agree on it: a call
   * that was demanded, and any call of some, ends with `stop`; a call that a parser lost, with `tool_calls`.
   */
  #withCalls(ending: FinishReason): FinishReason {
    if (ending === "stop" && this.#calls.any) return "tool_calls";
    if (ending !== "tool_calls" || this.#calls.any) return ending;
    if (!this.#sawText) throw this.#fail("provider_malformed", "a tool call that never came");
    return "stop";
  }

  #refused(json: Readonly<Record<string, unknown>>): ProviderError {
    const refusal = readErrorObject(json) ?? readErrorObject({ error: json });
    if (refusal === undefined) return this.#fail("provider_error");
    return this.#fail(
      classifyRefusal(this.#dialect, refusal),
      refusalDetail(this.#dialect, { ...refusal, status: undefined }),
    );
  }
}

function textEvent(type: "text" | "reasoning", text: string): ProviderEvent[] {
  return text === "" ? [] : [{ type, text }];
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
