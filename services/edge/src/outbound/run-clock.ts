import type { AttemptTimings } from "@openclaw/protocol";

/** The phases of a run as this edge saw them, in milliseconds since it was accepted. */
export interface RunPhases {
  readonly queuedMs?: number;
  readonly startedMs?: number;
  readonly firstFrameMs?: number;
  readonly lastFrameMs?: number;
  readonly totalMs: number;
  /** What the worker measured of the last attempt, counted from when it took the run. */
  readonly attempt?: AttemptTimings;
}

/** Measures one run on this process's monotonic clock. */
export class RunClock {
  readonly acceptedAt = performance.now();
  #queuedMs: number | undefined;
  #startedMs: number | undefined;
  #firstFrameMs: number | undefined;
  #lastFrameMs: number | undefined;

  /** The run is on the queue. */
  queued(): void {
    this.#queuedMs ??= this.elapsed();
  }

  /** A worker has taken it; of several attempts the first counts. */
  started(): void {
    this.#startedMs ??= this.elapsed();
  }

  /** Text was handed to the socket. */
  wrote(): void {
    this.#lastFrameMs = this.elapsed();
    this.#firstFrameMs ??= this.#lastFrameMs;
  }

  read(attempt: AttemptTimings | undefined): RunPhases {
    return {
      totalMs: this.elapsed(),
      ...(this.#queuedMs !== undefined && { queuedMs: this.#queuedMs }),
      ...(this.#startedMs !== undefined && { startedMs: this.#startedMs }),
      ...(this.#firstFrameMs !== undefined && { firstFrameMs: this.#firstFrameMs }),
      ...(this.#lastFrameMs !== undefined && { lastFrameMs: this.#lastFrameMs }),
      ...(attempt && { attempt }),
    };
  }

  elapsed(): number {
    return Math.round(performance.now() - this.acceptedAt);
  }
}
