import type { AttemptTimings } from "@openclaw/protocol";

/** The phases of a run as this edge saw them, in milliseconds since it was accepted. */
export interface RunPhases {
  readonly queuedMs?: number;
  readonly startedMs?: number;
  readonly firstFrameMs?: number;
  readonly lastFrameMs?: number;
  readonly totalMs: number;
  /** The worker's figures of the last attempt, counted from when it took the run. */
  readonly attempt?: AttemptTimings;
}

/** How long the parts of a run took that only an edge can see, in milliseconds, not rounded. */
export interface EdgePhases {
  /** Until the run was on its queue, if it was. */
  readonly acceptMs: number | undefined;
  /** Each time on a queue, until a worker took the run, or until its end. */
  readonly waits: readonly Wait[];
  /** Each time with a place at a provider, until the run moved, restarted, or ended. */
  readonly holds: readonly Hold[];
  /**
   * From the arrival of the message with the first text to the socket. Absent if that text was read from the log.
   */
  readonly toSocketMs: number | undefined;
  /**
   * From accepted until the client went away, if it did. This edge does not know whether text came in time after
   * that.
   */
  readonly leftMs: number | undefined;
}

export interface Wait {
  /** The provider whose worker the run waited for. */
  readonly provider: string;
  /** When it began, on the monotonic clock. */
  readonly since: number;
  readonly ms: number;
}

export interface Hold {
  readonly provider: string;
  readonly ms: number;
}

/** Measures one run on this process's monotonic clock. */
export class RunClock {
  readonly acceptedAt = performance.now();
  readonly #waits: Wait[] = [];
  /** The provider that the run waits for now, and since when. */
  #waiting: { readonly provider: string; readonly since: number } | undefined;
  readonly #holds: Hold[] = [];
  /** The provider that works on the run now, and since when. */
  #holding: { readonly provider: string; readonly since: number } | undefined;
  #queuedMs: number | undefined;
  #startedMs: number | undefined;
  #firstFrameMs: number | undefined;
  #lastFrameMs: number | undefined;
  #toSocketMs: number | undefined;
  #leftMs: number | undefined;

  /**
   * The run is on the queue of a provider for the first time. A worker may have been faster than this news.
   */
  queued(provider: string): void {
    if (this.#queuedMs !== undefined) return;
    this.#queuedMs = this.#now();
    this.#waiting = { provider, since: performance.now() };
  }

  /** The run is on the queue of another provider. */
  moved(provider: string): void {
    this.#endHold();
    this.#waiting = { provider, since: performance.now() };
  }

  /** A worker has taken the run. Of several attempts, the first counts as the start. */
  started(provider: string): void {
    this.queued(provider);
    this.#startedMs ??= this.#now();
    this.#endWait();
    this.#endHold();
    this.#holding = { provider, since: performance.now() };
  }

  /** The provider at work and how long it has been; undefined while the run waits. */
  get hold(): Hold | undefined {
    if (!this.#holding) return undefined;
    const { provider, since } = this.#holding;
    return { provider, ms: performance.now() - since };
  }

  /**
   * Text was handed to the socket. It arrived at `receivedAt`; undefined if it came from the log.
   */
  wrote(receivedAt: number | undefined): void {
    this.#lastFrameMs = this.#now();
    if (this.#firstFrameMs !== undefined) return;
    this.#firstFrameMs = this.#lastFrameMs;
    if (receivedAt !== undefined) this.#toSocketMs = performance.now() - receivedAt;
  }

  /** The client went away. */
  left(): void {
    this.#leftMs ??= this.#now();
  }

  read(attempt: AttemptTimings | undefined): RunPhases {
    const [queuedMs, startedMs, firstFrameMs, lastFrameMs] = [
      this.#queuedMs,
      this.#startedMs,
      this.#firstFrameMs,
      this.#lastFrameMs,
    ].map((ms) => ms && Math.round(ms));
    return {
      totalMs: this.elapsed(),
      ...(queuedMs !== undefined && { queuedMs }),
      ...(startedMs !== undefined && { startedMs }),
      ...(firstFrameMs !== undefined && { firstFrameMs }),
      ...(lastFrameMs !== undefined && { lastFrameMs }),
      ...(attempt && { attempt }),
    };
  }

  /** Must be called once, at the end of the run. */
  readEdge(): EdgePhases {
    this.#endWait();
    this.#endHold();
    return {
      acceptMs: this.#queuedMs,
      waits: this.#waits,
      holds: this.#holds,
      toSocketMs: this.#toSocketMs,
      leftMs: this.#leftMs,
    };
  }

  elapsed(): number {
    return Math.round(this.#now());
  }

  #endWait(): void {
    if (!this.#waiting) return;
    const { provider, since } = this.#waiting;
    this.#waits.push({ provider, since, ms: performance.now() - since });
    this.#waiting = undefined;
  }

  #endHold(): void {
    if (this.hold) this.#holds.push(this.hold);
    this.#holding = undefined;
  }

  #now(): number {
    return performance.now() - this.acceptedAt;
  }
}
