/**
 * Reads the answers of the chat completions API into events.
 *
 * Providers differ in what they leave out, repeat and merge, so nothing here relies on one order of chunks. Role,
 * text, reasoning, finish reason and usage may come alone or together, in any chunk. An unknown form in a field that
 * carries the answer fails the attempt. Other fields are ignored.
 */
import { isObject, type JsonObject, listOf, parseJson } from "../contract/json.ts";
import { type Fail, malformed, type ProviderError } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import { classifyRefusal, refusalDetail } from "../dialects/classify-refusal.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { errorFieldsOf, holdsError, readErrorObject, readErrorText } from "../refusals/refusal.ts";
import { AnswerContent, type AnswerContentOptions } from "./answer-content.ts";
import { AnswerEnding, type AnswerEndingOptions } from "./answer-ending.ts";
import { gluedChunk, isEndMarker, isKeepAlive } from "./event-data.ts";
import { readFinishReason } from "./finish-reason.ts";
import type { SseEvent } from "./sse-parser.ts";
import { UsageTally } from "./usage.ts";

/** A longer text is not the name of a model. */
const MAX_MODEL_LENGTH = 256;

export interface CompletionReaderOptions extends AnswerContentOptions, AnswerEndingOptions {
  readonly dialect: Dialect;
}

export class CompletionReader {
  readonly ending: AnswerEnding;
  readonly #options: CompletionReaderOptions;
  readonly #fail: Fail;
  #content: AnswerContent;
  /** The number of the answer that is read, if the provider numbers its choices. */
  #index: unknown;
  #usage: UsageTally;
  #model: string | undefined;
  #isDone = false;

  constructor(options: CompletionReaderOptions) {
    this.#options = options;
    this.#fail = options.fail;
    this.ending = new AnswerEnding(options);
    this.#content = new AnswerContent(options);
    this.#usage = new UsageTally(options.fail);
  }

  /** The end marker came. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The answer is empty so far, and must not stay so. */
  get isUnbegun(): boolean {
    return this.#content.isEmpty && !this.#options.mayBeEmpty;
  }

  /** How many events had a new part of the answer. */
  get pieces(): number {
    return this.#content.pieces;
  }

  /** @throws ProviderError for an error in the stream, and for an unknown form */
  readEvent({ event, data }: SseEvent): ProviderEvent[] {
    const trimmed = data.trim();
    if (this.#isDone || trimmed === "") return [];
    if (isEndMarker(trimmed)) {
      this.#isDone = true;
      return [];
    }
    if (isKeepAlive(event, trimmed)) return [];
    const json = parseJson(trimmed);
    if (event === "error" && holdsError(json ?? trimmed)) throw this.#refused(json, trimmed);
    if (this.#isComplete && (typeof json !== "object" || json === null)) return [];
    return json === undefined ? this.readValue(this.#resync(trimmed)) : this.readValue(json);
  }

  /** Nothing is missing. An unknown event behind this is not a part of the answer. */
  get #isComplete(): boolean {
    return this.ending.isSure && this.#usage.usage !== undefined;
  }

  /**
   * As `readEvent`, for the last event of a stream that broke off.
   *
   * @returns undefined if the event itself broke off
   */
  readLastEvent(event: SseEvent): ProviderEvent[] | undefined {
    const data = event.data.trim();
    const isWhole = data === "" || isEndMarker(data) || parseJson(data) !== undefined;
    return isWhole ? this.readEvent(event) : undefined;
  }

  /** Reads a chunk, a whole completion (with `message` for `delta`), or a list of them. */
  readValue(json: unknown): ProviderEvent[] {
    if (Array.isArray(json)) return json.flatMap((element) => this.#readObject(element));
    return this.#readObject(json);
  }

  /**
   * Reads the one value of a plain JSON answer.
   *
   * @throws ProviderError also for a value that is neither an answer nor an error
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
   * The answer is over: returns the last events.
   *
   * @throws ProviderError if the provider did not finish, or finished with an empty answer
   */
  finish(): ProviderEvent[] {
    const rest = this.#content.flush();
    const finish = this.ending.judge(this.#content, { isDone: this.#isDone });
    return [
      ...rest,
      ...this.#content.end({ isWhole: finish === "stop" || finish === "tool_calls" }),
      { type: "finished", finish, usage: this.#usage.usage, model: this.#model },
    ];
  }

  #readObject(json: unknown): ProviderEvent[] {
    if (!isObject(json)) throw malformed(this.#fail, "an event", json);
    if (readErrorObject(json)) throw this.#refused(json);
    if (typeof json.model === "string" && json.model !== "") {
      this.#model ??= json.model.slice(0, MAX_MODEL_LENGTH);
    }
    const choices = this.#choicesOf(json);
    const before = this.#content.pieces;
    const events = choices.flatMap((choice) => this.#readChoice(choice, json.object));
    this.#usage.read(json, this.#content.pieces > before);
    if (choices.length === 0 && json.usage) this.ending.usage();
    return events;
  }

  /** A request asks for one answer. An event may have several pieces of it. */
  #choicesOf({ choices }: JsonObject): JsonObject[] {
    if (choices === undefined || choices === null) return [];
    if (!Array.isArray(choices)) throw malformed(this.#fail, "choices", choices);
    return choices.map((choice: unknown) => {
      if (!isObject(choice)) throw malformed(this.#fail, "choices[]", choice);
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
    const isPiece = this.#content.pieces > before;
    for (const holder of [choice, choice.delta]) this.#usage.read(holder, isPiece);
    if (isPiece) {
      this.#keepTo(choice.index);
      this.ending.goOn();
    }
    const ending = readFinishReason(choice.finish_reason, this.#fail);
    if (ending !== undefined) {
      const isBehind = !isPiece && !this.#content.isEmpty;
      this.ending.reason(ending, { isLast: isBehind || isObject(choice.message) });
    }
    return events;
  }

  /** Two answers are never mixed. A choice without a number belongs to the answer that came first. */
  #keepTo(number: unknown): void {
    const index = typeof number === "string" && number.trim() !== "" ? Number(number) : number;
    this.#index ??= index;
    if ((index ?? this.#index) !== this.#index) {
      throw this.#fail("provider_malformed", "choices of more than one answer");
    }
  }

  /**
   * A frame that is not JSON may have broken off, with the chunk of another stream glued to it. Before the first
   * text, the other stream is the answer. Later, its text would be mixed with this one.
   */
  #resync(data: string): JsonObject {
    const glued = gluedChunk(data);
    if (glued === undefined) throw this.#fail("provider_malformed", "not JSON");
    if (!this.#content.isEmpty) throw this.#fail("provider_malformed", "two streams in one");
    this.#content = new AnswerContent(this.#options);
    this.#index = undefined;
    this.ending.restart();
    this.#usage = new UsageTally(this.#fail);
    this.#model = undefined;
    return glued;
  }

  /** @param text the event's data, if it is not JSON */
  #refused(json: unknown, text = ""): ProviderError {
    const refusal = readErrorText(json ?? text);
    return this.#fail(
      classifyRefusal(this.#options.dialect, refusal),
      refusalDetail(this.#options.dialect, { ...refusal, status: undefined }),
    );
  }
}
