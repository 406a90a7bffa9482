/** Gathers one run until it is over, and reports it once. */
import type {
  DeltaEntry,
  Position,
  StartedEntry,
  TerminalEntry,
  ToolCallEntry,
} from "@openclaw/stream";
import type { Answer, DeltaOutcome } from "./answer.ts";
import { GatheredText } from "./gathered-text.ts";

export class GatheredAnswer implements Answer {
  readonly isResumable = false;
  readonly isStreamed = false;
  readonly #gathered = new GatheredText();
  readonly #onOver: (terminal: TerminalEntry, gathered: GatheredText) => void;

  constructor(onOver: (terminal: TerminalEntry, gathered: GatheredText) => void) {
    this.#onOver = onOver;
  }

  onAccepted(): void {
    // Nothing is reported before the end.
  }

  onQueued(): void {
    // Nor for this.
  }

  onStarted(_position: Position, started: StartedEntry): void {
    this.#gathered.add(started);
  }

  onDelta(_position: Position, delta: DeltaEntry): DeltaOutcome {
    this.#gathered.add(delta);
    return "held";
  }

  onToolCall(_position: Position, call: ToolCallEntry): DeltaOutcome {
    this.#gathered.add(call);
    return "held";
  }

  onTerminal(terminal: TerminalEntry): false {
    this.#onOver(terminal, this.#gathered);
    return false;
  }

  batch(write: () => void): void {
    write();
  }
}
