import type { ConnectionLabel, Usage } from "@openclaw/protocol";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import type { Answer } from "./report.ts";

/** Keeps the times of an answer, and none of its text. */
export class Stopwatch {
  readonly #startedAt = performance.now();
  #connection: ConnectionLabel = "cold";
  #firstTokenMs: number | undefined;
  #firstTextMs: number | undefined;
  #lastPieceMs = 0;
  #pieces = 0;
  #usage: Usage | undefined;

  note(event: ProviderEvent): void {
    const nowMs = performance.now() - this.#startedAt;
    if (event.type === "headers") {
      this.#connection = event.connection;
    } else if (event.type === "finished") {
      this.#usage = event.usage;
    } else {
      this.#pieces += 1;
      this.#firstTokenMs ??= nowMs;
      this.#lastPieceMs = nowMs;
      if (event.type === "text") this.#firstTextMs ??= nowMs;
    }
  }

  /** The answer is over: undefined if it had no piece. */
  read(): Answer | undefined {
    if (this.#firstTokenMs === undefined) return undefined;
    return {
      connection: this.#connection,
      firstTokenMs: this.#firstTokenMs,
      ...(this.#firstTextMs !== undefined && { firstTextMs: this.#firstTextMs }),
      fullMs: performance.now() - this.#startedAt,
      pieces: this.#pieces,
      streamedMs: this.#lastPieceMs - this.#firstTokenMs,
      ...(this.#usage && { usage: this.#usage }),
    };
  }
}
