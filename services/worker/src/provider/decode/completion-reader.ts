/**
 * The answers of the chat completions API as all providers share it: chunks, read into events.
 *
 * Providers differ in what they leave out, repeat and merge, so nothing here relies on one order of
 * chunks: role, text, reasoning, finish reason and usage may come alone or together, in any chunk.
 * What carries the answer and is not understood fails the attempt; other fields are passed over.
 */
import type { FinishReason } from "@openclaw/protocol";
import { isObject, type JsonObject, listOf, parseJson } from "../contract/json.ts";
import type { Fail, ProviderError } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import { classifyRefusal, refusalDetail } from "../dialects/classify-refusal.ts";
import type { Dialect } from "../dialects/dialect.ts";
import {
  errorFieldsOf,
  readErrorObject,
  readErrorText,
  saysSomething,
} from "../refusals/refusal.ts";
import { AnswerContent } from "./answer-content.ts";
import { isEndMarker, isSignOfLife } from "./event-marks.ts";
import { type Ending, laterEnding, readFinishReason } from "./finish-reason.ts";
import { gluedChunk } from "./event-data.ts";
import { notUnderstood } from "./not-understood.ts";
import type { SseEvent } from "./sse-parser.ts";
import { UsageTally } from "./usage.ts";

/** A model's name longer than this is not one. */
const MAX_MODEL_LENGTH = 256;

export interface CompletionReaderOptions {
  readonly dialect: Dialect;
  readonly fail: Fail;
  /** An answer without content is none, except as the continuation of one that was whole already. */
  readonly mayBeEmpty?: boolean;
  /** The request had tools. Otherwise nobody knows what to do with a call: it is no part of the answer. */
  readonly mayCall?: boolean;
  /** An end marker behind content is an end, without any reason. */
  readonly finishesWithDone?: boolean;
}

/** Reads one answer. Knows nothing of bytes: it is given events, or the value of a plain JSON answer. */
export class CompletionReader {
  readonly #options: CompletionReaderOptions;
  readonly #fail: Fail;
  #content: AnswerContent;
  /** Which of several answers this one is, where the provider numbers them. */
  #index: unknown;
  #ending: Ending | undefined;
  #hasGoneOn = false;
  #isSure = false;
  #usage: UsageTally;
  #model: string | undefined;
  #done = false;

  constructor(options: CompletionReaderOptions) {
    this.#options = options;
    this.#fail = options.fail;
    this.#content = new AnswerContent(options);
    this.#usage = new UsageTally(options.fail);
  }

  /** The provider said that nothing follows. */
  get done(): boolean {
    return this.#done;
  }

  /** The provider said why it stopped; only usage and the end marker may follow, and may be missing. */
  get finishing(): boolean {
    return this.#ending !== undefined;
  }

  /** It said so before, and went on: its reasons do not mean much. */
  get hasGoneOn(): boolean {
    return this.#hasGoneOn;
  }

  /**
   * Whether its reason is as good as an end: it came behind the answer, or with all of it, or usage came behind
   * it. One that comes together with a piece may come with the next one as well.
   */
  get isSure(): boolean {
    return this.finishing && this.#isSure;
  }

  /** There is no word of the answer yet, and there has to be one. */
  get isUnbegun(): boolean {
    return this.#content.saidNothing && !this.#options.mayBeEmpty;
  }

  /** How many events have said something of the answer itself. */
  get pieces(): number {
    return this.#content.pieces;
  }

  /** @throws ProviderError for an error in the stream, and for what is not understood */
  readEvent({ event, data }: SseEvent): ProviderEvent[] {
    const trimmed = data.trim();
    if (this.#done || trimmed === "") return [];
    if (isEndMarker(trimmed)) {
      this.#done = true;
      return [];
    }
    if (isSignOfLife(event, trimmed)) return [];
    const json = parseJson(trimmed);
    if (event === "error" && saysSomething(json ?? trimmed)) throw this.#refused(json, trimmed);
    if (this.#isWhole && (typeof json !== "object" || json === null)) return [];
    return json === undefined ? this.readValue(this.#resync(trimmed)) : this.readValue(json);
  }

  /** Nothing is missing: what follows and is no event of ours was not to be one. */
  get #isWhole(): boolean {
    return this.isSure && this.#usage.usage !== undefined;
  }

  /**
   * As `readEvent`, for an event the stream broke off in: one that is not whole does not count.
   *
   * @returns undefined where it is not whole
   */
  readLastEvent(event: SseEvent): ProviderEvent[] | undefined {
    const data = event.data.trim();
    const isWhole = data === "" || isEndMarker(data) || parseJson(data) !== undefined;
    return isWhole ? this.readEvent(event) : undefined;
  }

  /** Reads a chunk, a whole completion, which has `message` where a chunk has `delta`, or a list of them. */
  readValue(json: unknown): ProviderEvent[] {
    if (Array.isArray(json)) return json.flatMap((element) => this.#readObject(element));
    return this.#readObject(json);
  }

  /**
   * Reads the one value that a plain JSON answer is.
   *
   * @throws ProviderError also where it is neither an answer nor an error
   */
  readBody(json: unknown): ProviderEvent[] {
    const isAnswer = listOf(json).some((one) => isObject(one) && Array.isArray(one.choices));
    if (isAnswer) return this.readValue(json);
    const error = readErrorText(json);
    if (error.code === "" && error.text === "") {
      throw this.#fail("provider_malformed", "neither an answer nor an error");
    }
    throw this.#refused(json);
  }

  /**
   * The answer is over: gives the last event.
   *
   * @throws ProviderError where the provider did not finish, or finished with nothing
   */
  finish(): ProviderEvent[] {
    const rest = this.#content.flush();
    const finish = this.#judge();
    return [
      ...rest,
      ...this.#content.end({ isWhole: finish === "stop" || finish === "tool_calls" }),
      { type: "finished", finish, usage: this.#usage.usage, model: this.#model },
    ];
  }

  #readObject(json: unknown): ProviderEvent[] {
    if (!isObject(json)) throw notUnderstood(this.#fail, "an event", json);
    if (readErrorObject(json)) throw this.#refused(json);
    if (typeof json.model === "string" && json.model !== "") {
      this.#model ??= json.model.slice(0, MAX_MODEL_LENGTH);
    }
    const choices = this.#choicesOf(json);
    const before = this.#content.pieces;
    const events = choices.flatMap((choice) => this.#readChoice(choice, json.object));
    this.#usage.read(json, this.#content.pieces > before);
    if (choices.length === 0 && json.usage) this.#isSure = this.finishing && !this.#hasGoneOn;
    return events;
  }

  /** One answer was asked for. An event may have several pieces of it. */
  #choicesOf({ choices }: JsonObject): JsonObject[] {
    if (choices === undefined || choices === null) return [];
    if (!Array.isArray(choices)) throw notUnderstood(this.#fail, "choices", choices);
    return choices.map((choice: unknown) => {
      if (!isObject(choice)) throw notUnderstood(this.#fail, "choices[]", choice);
      return choice;
    });
  }

  #readChoice(choice: JsonObject, object: unknown): ProviderEvent[] {
    for (const holder of [choice, choice.delta, choice.message]) {
      const errors = isObject(holder) ? errorFieldsOf(holder) : undefined;
      if (errors) throw this.#refused(errors);
    }
    const before = this.#content.pieces;
    const events = this.#content.read(choice, object);
    const isSaying = this.#content.pieces > before;
    for (const holder of [choice, choice.delta]) this.#usage.read(holder, isSaying);
    // A reason that something follows was none.
    if (isSaying) {
      this.#keepTo(choice.index);
      this.#hasGoneOn ||= this.finishing;
      this.#ending = undefined;
    }
    const ending = readFinishReason(choice.finish_reason, this.#fail);
    if (ending !== undefined) {
      const isBehind = !isSaying && !this.#content.saidNothing;
      this.#isSure = !this.#hasGoneOn && (isBehind || isObject(choice.message));
      this.#ending = laterEnding(this.#ending, ending);
    }
    return events;
  }

  /** Two answers are never spliced. What has no number belongs to the one that spoke first. */
  #keepTo(number: unknown): void {
    const index = typeof number === "string" && number.trim() !== "" ? Number(number) : number;
    this.#index ??= index;
    if ((index ?? this.#index) !== this.#index) {
      throw this.#fail("provider_malformed", "choices of more than one answer");
    }
  }

  /**
   * A frame that is not JSON may be one that broke off, with another stream glued to it. Where
   * nothing was said yet, that one is the answer; otherwise text of two answers would be spliced.
   */
  #resync(data: string): JsonObject {
    const glued = gluedChunk(data);
    if (glued === undefined) throw this.#fail("provider_malformed", "not JSON");
    if (!this.#content.saidNothing) throw this.#fail("provider_malformed", "two streams in one");
    this.#content = new AnswerContent(this.#options);
    this.#index = undefined;
    this.#ending = undefined;
    this.#usage = new UsageTally(this.#fail);
    this.#model = undefined;
    return glued;
  }

  #judge(): FinishReason {
    const { saidNothing, saysText, calls } = this.#content;
    const ending = this.#ending ?? this.#endingOfDone();
    if (ending === undefined) {
      // An end marker alone, with nothing before it, is a finished answer without content.
      throw this.#fail(this.#done && saidNothing ? "provider_empty" : "provider_cut");
    }
    if (ending === "failed") throw this.#fail(saidNothing ? "provider_error" : "provider_cut");
    if (ending === "unknown") {
      throw this.#fail("provider_cut", "finish_reason is a word that is not known");
    }
    if (ending === "context_full") {
      if (!saysText && !calls.any) throw this.#fail("context_length_exceeded");
      return "length";
    }
    if (saidNothing && ending === "content_filter") throw this.#fail("content_filtered");
    // The limit left no room for a word: to ask again would cost the same and bring as much.
    if (saidNothing && ending !== "length" && !this.#options.mayBeEmpty)
      throw this.#fail("provider_empty");
    return this.#withCalls(ending);
  }

  /** Thinking alone is no answer, and half a call is none either. */
  #endingOfDone(): FinishReason | undefined {
    const { saysText, calls } = this.#content;
    const isWhole = (saysText || calls.any) && calls.areWhole;
    return this.#done && this.#options.finishesWithDone && isWhole ? "stop" : undefined;
  }

  /**
   * Clients go by the reason whether they are to call a tool, and providers do not agree on it: a call
   * that was demanded, and any call of some, ends with `stop`; a call that a parser lost, with `tool_calls`.
   */
  #withCalls(ending: FinishReason): FinishReason {
    const { calls, saysText } = this.#content;
    if (ending === "stop" && calls.any) return "tool_calls";
    if (ending !== "tool_calls" || calls.any) return ending;
    if (!saysText) throw this.#fail("provider_malformed", "a tool call that never came");
    return "stop";
  }

  /** @param text what came where it is no JSON */
  #refused(json: unknown, text = ""): ProviderError {
    const refusal = readErrorText(json ?? text);
    return this.#fail(
      classifyRefusal(this.#options.dialect, refusal),
      refusalDetail(this.#options.dialect, { ...refusal, status: undefined }),
    );
  }
}
