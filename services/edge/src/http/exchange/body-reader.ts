/**
 * Reads the body of one request to its end, even if it is refused.
 *
 * A refused body is still read, within bounds, and discarded. Most clients send everything before they read why the
 * request was refused.
 */
import type { ByteBudget } from "../../admission/byte-budget.ts";
import { IncomingBody } from "./incoming-body.ts";

/** Of a body that is already refused. */
const DISCARDED_BYTES = 16 * 1024 * 1024;
/**
 * From the head of a request to the last byte of its body. The server library cuts a client that sends less than about
 * 19 KB a second. A client that sends a little more may take as long as it likes.
 */
export const BODY_WITHIN_MS = 60_000;

/** `no_room`: this edge holds as many bytes of other bodies as it may. */
export type BodyRefusal = "too_long" | "no_room" | "late" | "gone";

export interface BodyReaderOptions {
  /** The header `content-length`. */
  readonly contentLength: string | undefined;
  readonly maxBytes: number;
  readonly budget: ByteBudget;
  /** Called once. The caller releases the body. */
  readonly onOver: (outcome: IncomingBody | BodyRefusal) => void;
}

export class BodyReader {
  readonly #options: BodyReaderOptions;
  readonly #beganAt = performance.now();
  #body: IncomingBody | undefined;
  #refusal: "too_long" | "no_room" | undefined;
  #receivedBytes = 0;
  #isOver = false;

  constructor(options: BodyReaderOptions) {
    this.#options = options;
    const { contentLength, maxBytes, budget } = options;
    const declaredBytes = contentLength === undefined ? undefined : Number(contentLength);
    if (declaredBytes !== undefined && !(declaredBytes <= maxBytes)) this.#refusal = "too_long";
    else this.#body = IncomingBody.open({ budget, declaredBytes, maxBytes });
    if (!this.#body) this.#refusal ??= "no_room";
  }

  /**
   * Whether more of the body may come that is not read. Its connection cannot be used for another request.
   */
  get isCutShort(): boolean {
    return this.#isOver && this.#receivedBytes > this.#options.maxBytes + DISCARDED_BYTES;
  }

  add(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#isOver) return;
    this.#receivedBytes += chunk.byteLength;
    if (this.#body && !this.#body.add(chunk)) {
      this.#refuse(this.#receivedBytes > this.#options.maxBytes ? "too_long" : "no_room");
    }
    const isEnough = this.#receivedBytes > this.#options.maxBytes + DISCARDED_BYTES;
    if (!isLast && !isEnough) return;
    const body = this.#body;
    this.#body = undefined;
    this.#end(this.#refusal ?? body ?? "gone");
  }

  /** The client is gone. */
  gone(): void {
    this.#end("gone");
  }

  /** Called every second. */
  sweep(now: number): void {
    if (now - this.#beganAt > BODY_WITHIN_MS) this.#end("late");
  }

  #refuse(reason: "too_long" | "no_room"): void {
    this.#refusal = reason;
    this.#body?.release();
    this.#body = undefined;
  }

  #end(outcome: IncomingBody | BodyRefusal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#body?.release();
    this.#body = undefined;
    this.#options.onOver(outcome);
  }
}
