import type { AttemptTimings, ConnectionLabel } from "@openclaw/protocol";

/** Measures the phases of one attempt, on this process's monotonic clock. */
export class AttemptClock {
  readonly #takenAt = performance.now();
  #requestSentMs: number | undefined;
  #headersMs: number | undefined;
  #firstTokenMs: number | undefined;
  #connection: ConnectionLabel | undefined;

  /** Response headers came; the request had gone out at `sentAt`, a reading of the same clock. */
  headers(connection: ConnectionLabel, sentAt: number): void {
    this.#headersMs ??= this.#elapsed();
    this.#requestSentMs ??= Math.round(sentAt - this.#takenAt);
    this.#connection = connection;
  }

  /** A piece of text, of reasoning or of a tool call came; only the first counts. Answers whether this is it. */
  token(): boolean {
    const isFirst = !this.hasToken;
    if (isFirst) this.#firstTokenMs = this.#elapsed();
    return isFirst;
  }

  /** Whether the provider has said anything. */
  get hasToken(): boolean {
    return this.#firstTokenMs !== undefined;
  }

  /** From taking the run to the first token, where one came. */
  get firstTokenMs(): number | undefined {
    return this.#firstTokenMs;
  }

  read(): AttemptTimings {
    return {
      finishedMs: this.#elapsed(),
      ...(this.#requestSentMs !== undefined && { requestSentMs: this.#requestSentMs }),
      ...(this.#headersMs !== undefined && { headersMs: this.#headersMs }),
      ...(this.#firstTokenMs !== undefined && { firstTokenMs: this.#firstTokenMs }),
      ...(this.#connection !== undefined && { connection: this.#connection }),
    };
  }

  #elapsed(): number {
    return Math.round(performance.now() - this.#takenAt);
  }
}
