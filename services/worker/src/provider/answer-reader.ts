/**
 * Reads the body of a 200 response, whatever it turns out to be.
 *
 * The content type does not decide: errors and whole completions come as JSON under
 * `text/event-stream`, and streams under other types. The first character does.
 */
import { CompletionReader, type CompletionReaderOptions } from "./chat-completions.ts";
import type { Fail } from "./provider-error.ts";
import type { ProviderEvent } from "./provider-event.ts";
import { isObject } from "./refusal.ts";
import { MAX_EVENT_LENGTH, SseParser } from "./sse-parser.ts";

type Shape = "unknown" | "events" | "json";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];

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

  /** The body is over. @throws ProviderError unless the provider had finished */
  *end(): Generator<ProviderEvent, void, undefined> {
    if (this.#shape === "json") yield* this.#readJson();
    for (const event of this.#parser.end()) yield* this.#completion.readLastEvent(event);
    yield* this.#completion.finish();
  }

  #recognize(bytes: Uint8Array): Shape {
    const first = bytes.find(
      (byte) => !WHITE_SPACE.includes(byte) && !BYTE_ORDER_MARK.includes(byte),
    );
    if (first === undefined) return "unknown";
    // A page of some proxy in between, sent with status 200.
    if (first === 0x3c) throw this.#fail("provider_malformed", "HTML");
    return first === 0x7b ? "json" : "events";
  }

  #gather(text: string): void {
    this.#json += text;
    if (this.#json.length > MAX_EVENT_LENGTH) {
      throw this.#fail("provider_malformed", "a body over 1 MiB");
    }
  }

  #readJson(): ProviderEvent[] {
    let json: unknown;
    try {
      json = JSON.parse(this.#json);
    } catch {
      // The message of the engine quotes the body, so it is no cause. JSON without its end was cut off.
      throw this.#fail(this.#json.trimEnd().endsWith("}") ? "provider_malformed" : "provider_cut");
    }
    return isObject(json) ? this.#completion.readObject(json) : [];
  }
}
