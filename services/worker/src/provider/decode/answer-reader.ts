/**
 * Reads the body of a 200 response, whatever it turns out to be.
 *
 * The content type does not decide: errors and whole completions come as JSON under
 * `text/event-stream`, and streams under other types. The first character does.
 */

import { parseJson } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import { CompletionReader, type CompletionReaderOptions } from "./completion-reader.ts";
import { MAX_EVENT_LENGTH, SseParser } from "./sse-parser.ts";

type Shape = "unknown" | "events" | "json";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];
/** What JSON that is worth reading begins with: an object, a list, a text. */
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

  /** Nothing that follows is of interest. */
  get done(): boolean {
    return this.#completion.done;
  }

  /** The answer is whole already; what follows is optional. */
  get finishing(): boolean {
    return this.#completion.finishing;
  }

  /** The provider gave a reason to stop more than once: one alone does not mean the end. */
  get hasGoneOn(): boolean {
    return this.#completion.hasGoneOn;
  }

  /** The reason is as good as an end. */
  get isSure(): boolean {
    return this.#completion.isSure;
  }

  /** There is no word of the answer yet, and there has to be one. */
  get isUnbegun(): boolean {
    return this.#completion.isUnbegun;
  }

  /** How many events have said something of the answer itself. */
  get pieces(): number {
    return this.#completion.pieces;
  }

  /**
   * Gives events one by one, so that what came before an error in the same bytes is not lost.
   *
   * @throws ProviderError for what is an error or cannot be understood
   */
  *push(bytes: Uint8Array): Generator<ProviderEvent, void, undefined> {
    if (this.#shape === "unknown") this.#shape = this.#recognize(bytes);
    if (this.#shape === "json") return this.#gather(this.#decoder.decode(bytes, { stream: true }));
    for (const event of this.#parser.push(bytes)) {
      yield* this.#completion.readEvent(event);
      // What a provider or a proxy appends to the end marker is not even looked at.
      if (this.#completion.done) return;
    }
  }

  /**
   * The body is over.
   *
   * @param isCut by us, while the provider held it open: then half an event means that it was speaking
   * @throws ProviderError unless the provider had finished
   */
  *end({ isCut = false } = {}): Generator<ProviderEvent, void, undefined> {
    if (this.#shape === "json") yield* this.#readJson();
    for (const event of this.#parser.end()) {
      const events = this.#completion.readLastEvent(event);
      // Behind a reason it is mostly usage, unless reasons come with every piece.
      if (!events && (isCut || this.hasGoneOn)) throw this.#fail("provider_cut");
      yield* events ?? [];
    }
    yield* this.#completion.finish();
  }

  #recognize(bytes: Uint8Array): Shape {
    const first = bytes.find(
      (byte) => !WHITE_SPACE.includes(byte) && !BYTE_ORDER_MARK.includes(byte),
    );
    if (first === undefined) return "unknown";
    // A page of some proxy in between, sent with status 200.
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
    // JSON without its end was cut off.
    throw this.#fail(/[}\]"]\s*$/.test(this.#json) ? "provider_malformed" : "provider_cut");
  }
}
