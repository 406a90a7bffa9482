import type { ConnectionLabel, Usage } from "@openclaw/protocol";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import type { Answer } from "./report.ts";

/**
 * Keeps the times of an answer, and none of its text.
 *
 * Pieces that one read of the socket brought came together, however long this process takes to look at each. So a piece
 * counts as later than the first only in a later turn of the event loop.
 */
export class Stopwatch {
  readonly #startedAt = performance.now();
  #connection: ConnectionLabel = "cold";
  #firstTokenMs: number | undefined;
  #firstTextMs: number | undefined;
  #lastPieceMs = 0;
  #isFirstTurn = true;
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
      if (this.#firstTokenMs === undefined) this.#begin(nowMs);
      else if (!this.#isFirstTurn) this.#lastPieceMs = nowMs;
      if (event.type === "text") this.#firstTextMs ??= nowMs;
    }
  }

  #begin(nowMs: number): void {
    this.#firstTokenMs = nowMs;
    this.#lastPieceMs = nowMs;
    setImmediate(() => {
      this.#isFirstTurn = false;
    });
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
