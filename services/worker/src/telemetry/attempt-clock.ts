import type { AttemptTimings, ConnectionLabel } from "@openclaw/protocol";
import type { FirstText } from "@openclaw/stream";

/** The parts of an attempt's way to its first text, in milliseconds. One that it did not come to the end of is absent. */
export interface AttemptPhases {
  readonly pick_up?: number | undefined;
  readonly connect?: number | undefined;
  readonly response_headers?: number | undefined;
  readonly first_token?: number | undefined;
  readonly thinking?: number | undefined;
  readonly no_text?: number | undefined;
  readonly publish?: number | undefined;
}

/** Measures the phases of one attempt, on this process's monotonic clock. */
export class AttemptClock {
  readonly #heldAt = performance.now();
  readonly #pickUpMs: number | undefined;
  #requestSentMs: number | undefined;
  #headersMs: number | undefined;
  #firstTokenMs: number | undefined;
  #connection: ConnectionLabel | undefined;
  #hedgedMs: number | undefined;

  /** @param pickUpMs from taking the job to holding the run; a hedge begins before it holds one */
  constructor(pickUpMs?: number) {
    this.#pickUpMs = pickUpMs;
  }

  /** Response headers came; the request had gone out at `sentAt`, a reading of the same clock. */
  headers(connection: ConnectionLabel, sentAt: number): void {
    this.#headersMs ??= this.#elapsed();
    this.#requestSentMs ??= sentAt - this.#heldAt;
    this.#connection = connection;
  }

  /** A piece of text, of reasoning or of a tool call came; only the first counts. Answers whether this is it. */
  token(): boolean {
    const isFirst = !this.hasToken;
    if (isFirst) this.#firstTokenMs = this.#elapsed();
    return isFirst;
  }

  /** Another provider is asked as well. */
  hedged(): void {
    this.#hedgedMs ??= this.#elapsed();
  }

  /** Whether another provider is asked as well, or was. */
  get isHedged(): boolean {
    return this.#hedgedMs !== undefined;
  }

  /** The attempt failed on this connection. */
  failed(connection: ConnectionLabel | undefined): void {
    this.#connection ??= connection;
  }

  /** Whether the provider has said anything. */
  get hasToken(): boolean {
    return this.#firstTokenMs !== undefined;
  }

  /** From taking the run to the first token, where one came. */
  get firstTokenMs(): number | undefined {
    return rounded(this.#firstTokenMs);
  }

  read(): AttemptTimings {
    const [pickUpMs, requestSentMs, headersMs, firstTokenMs] = [
      this.#pickUpMs,
      this.#requestSentMs,
      this.#headersMs,
      this.#firstTokenMs,
    ].map(rounded);
    return {
      finishedMs: Math.round(this.#elapsed()),
      ...(pickUpMs !== undefined && { pickUpMs }),
      ...(requestSentMs !== undefined && { requestSentMs }),
      ...(headersMs !== undefined && { headersMs }),
      ...(firstTokenMs !== undefined && { firstTokenMs }),
      ...(this.#connection !== undefined && { connection: this.#connection }),
    };
  }

  /**
   * To be read at the attempt's end. Where it brought no text, what is left of its time is `no_text`; what
   * comes behind a hedge is that one's to account for.
   *
   * @param text what became of its first text, by the same clock
   */
  phases(text: FirstText | undefined): AttemptPhases {
    const [sent, headers, token] = [this.#requestSentMs, this.#headersMs, this.#firstTokenMs];
    const endedMs = this.#hedgedMs ?? this.#elapsed();
    const spoken = text && text.writtenAt - this.#heldAt;
    return {
      pick_up: this.#pickUpMs,
      connect: sent,
      response_headers: between(sent, headers),
      first_token: between(headers, token),
      thinking: text?.followsReasoning ? between(token, spoken) : undefined,
      no_text: text ? undefined : between(token ?? headers ?? 0, endedMs),
      publish: between(text?.writtenAt, text?.publishedAt),
    };
  }

  #elapsed(): number {
    return performance.now() - this.#heldAt;
  }
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from);
}
