import type { AttemptTimings, ConnectionLabel } from "@openclaw/protocol";
import type { FirstText } from "@openclaw/stream";

/** The phases of an attempt until its first text, in milliseconds. A phase that did not end is missing. */
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
  readonly #claimedAt = performance.now();
  readonly #pickUpMs: number | undefined;
  #requestSentMs: number | undefined;
  #headersMs: number | undefined;
  #firstTokenMs: number | undefined;
  #connection: ConnectionLabel | undefined;
  #hedgedMs: number | undefined;

  /** @param pickUpMs from taking the job to the claim. A hedge begins before its claim */
  constructor(pickUpMs?: number) {
    this.#pickUpMs = pickUpMs;
  }

  /** Response headers came. The request went out at `sentAt`, by the same clock. */
  headers(connection: ConnectionLabel, sentAt: number): void {
    this.#headersMs ??= this.#elapsed();
    this.#requestSentMs ??= sentAt - this.#claimedAt;
    this.#connection = connection;
  }

  /** A piece of text, reasoning or a tool call came. Returns whether it is the first one; only that counts. */
  token(): boolean {
    const isFirst = !this.hasToken;
    if (isFirst) this.#firstTokenMs = this.#elapsed();
    return isFirst;
  }

  /** A hedge was added. */
  hedged(): void {
    this.#hedgedMs ??= this.#elapsed();
  }

  /** Whether a hedge was added. */
  get isHedged(): boolean {
    return this.#hedgedMs !== undefined;
  }

  /** The attempt failed on this connection. */
  failed(connection: ConnectionLabel | undefined): void {
    this.#connection ??= connection;
  }

  /** Whether the provider has sent a token. */
  get hasToken(): boolean {
    return this.#firstTokenMs !== undefined;
  }

  /** From the claim to the first token; undefined before it. */
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
   * For the end of the attempt. Without a text, the rest of its time is `no_text`. The time behind a hedge belongs to the
   * hedge.
   *
   * @param text the times of its first text, by the same clock
   */
  phases(text: FirstText | undefined): AttemptPhases {
    const [sent, headers, token] = [this.#requestSentMs, this.#headersMs, this.#firstTokenMs];
    const endedMs = this.#hedgedMs ?? this.#elapsed();
    const textMs = text && text.writtenAt - this.#claimedAt;
    return {
      pick_up: this.#pickUpMs,
      connect: sent,
      response_headers: between(sent, headers),
      first_token: between(headers, token),
      thinking: text?.followsReasoning ? between(token, textMs) : undefined,
      no_text: text ? undefined : between(token ?? headers ?? 0, endedMs),
      publish: between(text?.writtenAt, text?.publishedAt),
    };
  }

  #elapsed(): number {
    return performance.now() - this.#claimedAt;
  }
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from);
}
