/**
 * Answers the request that started a background run: once, that the run is on its queue, or why not.
 *
 * It keeps no text. The edge still follows the run, to count it and to hold its deadlines.
 */
import type { Failure } from "@openclaw/protocol";
import type { Position, TerminalEntry } from "@openclaw/stream";
import type { Answer, DeltaOutcome } from "./answer.ts";
import type { RunPhases } from "./run-clock.ts";

export class BackgroundAnswer implements Answer {
  /** An edge that leaves must not end the run. */
  readonly isResumable = true;
  readonly isStreamed = false;
  readonly #onAccepted: () => void;
  readonly #onRefused: (reason: Failure) => void;
  #isAccepted = false;

  constructor(onAccepted: () => void, onRefused: (reason: Failure) => void) {
    this.#onAccepted = onAccepted;
    this.#onRefused = onRefused;
  }

  onAccepted(): void {
    if (this.#isAccepted) return;
    this.#isAccepted = true;
    this.#onAccepted();
  }

  onQueued(): void {
    this.onAccepted();
  }

  /** A worker may be faster than the answer of the queue to this edge. */
  onStarted(): void {
    this.onAccepted();
  }

  onDelta(): DeltaOutcome {
    return "held";
  }

  onToolCall(): DeltaOutcome {
    return "held";
  }

  onTerminal(terminal: TerminalEntry, _phases: RunPhases, position: Position | undefined): false {
    // A run whose end is in the log was queued.
    if (position) this.onAccepted();
    else if (terminal.type === "failed" && !this.#isAccepted) this.#onRefused(terminal.failure);
    return false;
  }

  batch(write: () => void): void {
    write();
  }
}
