/** Writes one run to a v1 client: bare text, then `done` or `error`. */
import { type Failure, failure, V1_DONE, v1ErrorFrame } from "@openclaw/protocol";
import type { DeltaEntry, Position, TerminalEntry } from "@openclaw/stream";
import type { Connection } from "../socket/connection.ts";
import { type Answer, type DeltaOutcome, failureOf } from "./answer.ts";
import { BareTextFramer } from "./bare-text-framer.ts";
import { RepeatFilter } from "./repeat-filter.ts";

export class V1Answer implements Answer {
  readonly isResumable = false;
  readonly isStreamed = true;
  readonly #connection: Connection;
  readonly #framer = new BareTextFramer();
  readonly #filter = new RepeatFilter();
  #isAnotherAttempt = false;
  #hasFailed = false;
  /** Whether a frame with text was sent. */
  #hasText = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Whether the last frame was an error. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  onAccepted(): void {
    // v1 has no frame for it.
  }

  onQueued(): void {
    // Nor for this.
  }

  onStarted(): void {
    if (this.#isAnotherAttempt) this.#filter.restart();
    this.#isAnotherAttempt = true;
  }

  onDelta(_position: Position, { type, text }: DeltaEntry): DeltaOutcome {
    // v1 has no frame for reasoning. A refusal is text that the user should read.
    if (type === "reasoning") return "held";
    const fresh = this.#filter.pass(text);
    if (fresh === undefined) return "interrupted";
    return this.#write(this.#framer.push(fresh));
  }

  onToolCall(): DeltaOutcome {
    // A v1 client cannot offer tools.
    return "held";
  }

  onTerminal(terminal: TerminalEntry): boolean {
    // Held-back text belongs to the answer, however the run ends.
    const written = this.#write(this.#framer.end());
    this.#connection.send(this.#lastFrame(terminal));
    return written !== "held";
  }

  batch(write: () => void): void {
    this.#connection.cork(write);
  }

  #lastFrame(terminal: TerminalEntry): string {
    const failed = this.#failureOf(terminal);
    this.#hasFailed = failed !== undefined;
    return failed === undefined ? V1_DONE : v1ErrorFrame(failed);
  }

  #failureOf(terminal: TerminalEntry): Failure | undefined {
    if (terminal.type !== "completed") return failureOf(terminal);
    // The attempt that finished said less than the client was shown.
    if (this.#filter.isBehind) return failure("interrupted");
    // The model only reasoned, or its limit left no room for text. v1 has no frame for either, so the user would
    // see nothing.
    return this.#hasText ? undefined : failure("provider_empty");
  }

  #write(frames: readonly string[]): DeltaOutcome {
    if (frames.length === 0) return "held";
    this.#hasText = true;
    let hasRoom = true;
    for (const frame of frames) hasRoom = this.#connection.send(frame);
    return hasRoom ? "written" : "full";
  }
}
