/**
 * Reads the body of a 200 response, in any form.
 *
 * The content type does not decide. Errors and whole completions come as JSON under `text/event-stream`, and streams
 * come under other types. The first character decides.
 */
import { parseJson } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import type { AnswerEnding } from "./answer-ending.ts";
import { CompletionReader, type CompletionReaderOptions } from "./completion-reader.ts";
import { MAX_EVENT_LENGTH, SseParser } from "./sse-parser.ts";

type Shape = "unknown" | "events" | "json";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];
/** An object, a list or a string. */
const JSON_BEGINNING = [0x7b, 0x5b, 0x22];

export class AnswerReader {
  readonly #fail: Fail;
  readonly #parser: SseParser;
  readonly #completion: CompletionReader;
  readonly #decoder = new TextDecoder();
  #shape: Shape = "unknown";
  #json = "";

  constructor(options: CompletionReaderOptions) {
    const { fail } = options;
    this.#fail = fail;
    this.#parser = new SseParser(fail);
    this.#completion = new CompletionReader(options);
  }

  /** The end marker came. Nothing behind it counts. */
  get isDone(): boolean {
    return this.#completion.isDone;
  }

  get ending(): Pick<AnswerEnding, "isFinishing" | "hasGoneOn" | "isSure"> {
    return this.#completion.ending;
  }

  /** The answer is empty so far, and must not stay so. */
  get isUnbegun(): boolean {
    return this.#completion.isUnbegun;
  }

  /** How many events had a new part of the answer. */
  get pieces(): number {
    return this.#completion.pieces;
  }

  /**
   * Returns events one by one, so that events before an error in the same bytes are not lost.
   *
   * @throws ProviderError for an error of the provider, and for an unknown form
   */
  *push(bytes: Uint8Array): Generator<ProviderEvent, void, undefined> {
    if (this.#shape === "unknown") this.#shape = this.#recognize(bytes);
    if (this.#shape === "json") return this.#gather(this.#decoder.decode(bytes, { stream: true }));
    for (const event of this.#parser.push(bytes)) {
      yield* this.#completion.readEvent(event);
      // A provider or a proxy may append anything to the end marker.
      if (this.isDone) return;
    }
  }

  /**
   * The body is over.
   *
   * @param isCut the worker closed it while the provider held it open; half an event then means more was to come
   * @throws ProviderError unless the provider had finished
   */
  *end({ isCut = false } = {}): Generator<ProviderEvent, void, undefined> {
    if (this.#shape === "json") yield* this.#readJson();
    for (const event of this.#parser.end()) {
      const events = this.#completion.readLastEvent(event);
      // Half an event behind a reason is mostly usage, unless reasons come with every piece.
      if (!events && (isCut || this.ending.hasGoneOn)) throw this.#fail("provider_cut");
      yield* events ?? [];
    }
    yield* this.#completion.finish();
  }

  #recognize(bytes: Uint8Array): Shape {
    const first = bytes.find(
      (byte) => !WHITE_SPACE.includes(byte) && !BYTE_ORDER_MARK.includes(byte),
    );
    if (first === undefined) return "unknown";
    // A page of a proxy, sent with status 200.
    if (first === 0x3c) throw this.#fail("provider_malformed", "HTML");
    return JSON_BEGINNING.includes(first) ? "json" : "events";
  }

  #gather(text: string): void {
    this.#json += text;
    if (this.#json.length > MAX_EVENT_LENGTH) {
      throw this.#fail("provider_malformed", "a body over 1 MiB");
    }
  }

  #readJson(): ProviderEvent[] {
    const json = parseJson(this.#json);
    if (json !== undefined) return this.#completion.readBody(json);
    // JSON without its end was cut.
    throw this.#fail(/[}\]"]\s*$/.test(this.#json) ? "provider_malformed" : "provider_cut");
  }
}
