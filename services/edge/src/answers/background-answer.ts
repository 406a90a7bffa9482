/**
 * Stands for whoever started a run that goes on unread: tells once that it is on its queue, or why not,
 * and keeps nothing of it. Its edge still follows it, to count it and to hold its deadlines.
 */
import type { Failure } from "@openclaw/protocol";
import type { Position, TerminalEntry } from "@openclaw/stream";
import type { Answer, DeltaOutcome } from "./answer.ts";
import type { RunPhases } from "./run-clock.ts";

export class BackgroundAnswer implements Answer {
  /** An edge that leaves must not end it. */
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

  /** A worker may be faster than the queue's answer to this edge. */
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
    // Where the log has its end, it was queued.
    if (position) this.onAccepted();
    else if (terminal.type === "failed" && !this.#isAccepted) this.#onRefused(terminal.failure);
    return false;
  }

  batch(write: () => void): void {
    write();
  }
}
