/** Writes one run to a v2 client: every entry is a frame that names the run and its position. */
import { failure, type V2Down, v2Error } from "@openclaw/protocol";
import type { DeltaEntry, Position, StartedEntry, TerminalEntry } from "@openclaw/stream";
import type { Answer, DeltaOutcome } from "./answer.ts";
import type { RunPhases } from "./run-clock.ts";

export interface V2AnswerOptions {
  readonly run: string;
  /** The client's name for a run that it does not know yet. */
  readonly ref?: string;
  /** The attempt whose text the client already has; 0 if it has none. */
  readonly epoch: number;
  /** Writes a frame. Answers whether the client can take more. */
  readonly send: (frame: V2Down) => boolean;
  readonly batch: (write: () => void) => void;
}

export class V2Answer implements Answer {
  readonly isResumable = true;
  readonly isStreamed = true;
  readonly #options: V2AnswerOptions;
  #epoch: number;
  #isKnown: boolean;
  /** Whether the client was sent anything of the current attempt. */
  #hasShown: boolean;

  constructor(options: V2AnswerOptions) {
    this.#options = options;
    this.#epoch = options.epoch;
    this.#isKnown = options.ref === undefined;
    this.#hasShown = options.epoch > 0;
  }

  /** Whether the client knows the run by its id. The client of a refused run does not. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /**
   * The next calls call it too: a worker may be faster than the answer of the queue to this edge.
   */
  onAccepted(): void {
    if (this.#isKnown) return;
    this.#isKnown = true;
    const { run, ref = "", send } = this.#options;
    send({ type: "accepted", ref, run });
  }

  onQueued(position: number, waitMs: number): void {
    this.onAccepted();
    const { run, send } = this.#options;
    send({ type: "queued", run, position, waitMs });
  }

  onStarted({ epoch }: Position, { provider, model }: StartedEntry): void {
    const { run, send } = this.#options;
    this.onAccepted();
    if (this.#hasShown && epoch > this.#epoch) {
      send({ type: "restart", run, epoch, reason: "attempt_lost" });
    }
    this.#epoch = epoch;
    this.#hasShown = false;
    send({ type: "started", run, epoch, provider, model });
  }

  onDelta({ epoch, seq }: Position, { type, text, isRefusal }: DeltaEntry): DeltaOutcome {
    const { run, send } = this.#options;
    this.#hasShown = true;
    const frame = { run, epoch, seq, text };
    const hasRoom = send(
      type === "text"
        ? { type: "delta", ...frame, ...(isRefusal && { refusal: true }) }
        : { type: "reasoning", ...frame },
    );
    if (!hasRoom) return "full";
    return type === "text" ? "written" : "held";
  }

  onToolCall(): DeltaOutcome {
    // A v2 client cannot offer tools. The reader of an event stream sees the call as part of the answer.
    this.#hasShown = true;
    return "held";
  }

  onTerminal(terminal: TerminalEntry, phases: RunPhases): false {
    const { run, ref, send } = this.#options;
    if (terminal.type === "failed" && !this.#isKnown) {
      send(v2Error(terminal.failure, { ref }));
      return false;
    }
    this.onAccepted();
    switch (terminal.type) {
      case "completed":
        send({
          type: "done",
          run,
          finish: terminal.finish,
          usage: terminal.usage ?? null,
          timings: timingsOf(phases),
        });
        break;
      case "failed":
        send(v2Error(terminal.failure, { run }));
        break;
      case "cancelled":
        send(
          terminal.reason === "interrupted"
            ? v2Error(failure("interrupted"), { run })
            : { type: "cancelled", run },
        );
        break;
    }
    return false;
  }

  batch(write: () => void): void {
    this.#options.batch(write);
  }
}

function timingsOf({ totalMs, queuedMs, startedMs, firstFrameMs, attempt }: RunPhases) {
  return {
    totalMs,
    ...(queuedMs !== undefined && { queuedMs }),
    ...(startedMs !== undefined && { startedMs }),
    ...(firstFrameMs !== undefined && { firstTextMs: firstFrameMs }),
    ...(attempt?.connection !== undefined && { connection: attempt.connection }),
  };
}
