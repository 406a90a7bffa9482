/** The time limits of an open run: for a worker, for text, for its end, and for any sign of it. */
import { type Failure, failure } from "@openclaw/protocol";
import type { RunState } from "./run-state.ts";

export interface RunDeadlines {
  /** How long the run may wait for a worker at this provider. */
  readonly queueMs: (provider: string) => number;
  /**
   * How long a run at work may be silent. Its worker has a shorter limit, which holds unless the worker is gone.
   */
  readonly silenceMs: (provider: string) => number;
  /** From accepted to ended, whatever happens. */
  readonly totalMs: number;
}

/**
 * After so much silence the log is read, in case a message was lost. A run that waits for a worker is silent by
 * nature, and there may be thousands of them.
 */
const SILENCE_MS = { streaming: 2_000, queued: 5_000 } as const;
/** Spreads the log reads of runs that fell silent together. */
const SPREAD_MS = 1_000;
/**
 * After the last deadline. By then the sweep, which holds the deadline, has come by several times.
 */
const STUCK_AFTER_MS = 5_000;

export interface RunTimeoutsOptions {
  readonly deadlines: RunDeadlines;
  /** The provider whose worker the run waits for at first. */
  readonly provider: string;
  /** When the run was accepted. Like every `now`, on the monotonic clock. */
  readonly acceptedAt: number;
  /** Whether the run began elsewhere. Its total time is then unknown here. */
  readonly isResumed: boolean;
  /** How long the run had waited for a worker by then. */
  readonly waitedMs: number;
}

export class RunTimeouts {
  readonly #options: RunTimeoutsOptions;
  #heardAt: number;
  /** When the last entry was delivered, from a message or from the log. */
  #deliveredAt: number;
  /** The provider that the run waits for, or whose worker took it, and since when it has waited. */
  #waitsFor: string;
  #waitsSince: number;
  #isKnownStuck = false;

  constructor(options: RunTimeoutsOptions) {
    const { acceptedAt, provider, waitedMs } = options;
    this.#options = options;
    this.#heardAt = acceptedAt;
    this.#deliveredAt = acceptedAt;
    this.#waitsSince = acceptedAt - waitedMs;
    this.#waitsFor = provider;
  }

  /** The provider on whose queue the run is, or was last. */
  get waitsFor(): string {
    return this.#waitsFor;
  }

  /** A message with entries of the run came. */
  heard(at: number): void {
    this.#heardAt = at;
  }

  /** An entry was delivered, from a message or from the log. */
  delivered(): void {
    this.#deliveredAt = performance.now();
  }

  /** The run is on the queue of another provider. */
  waits(provider: string): void {
    this.#waitsFor = provider;
    this.#waitsSince = performance.now();
  }

  /** The log is being read. */
  looked(now: number): void {
    this.#heardAt = now - Math.random() * SPREAD_MS;
  }

  isSilent(now: number, state: RunState): boolean {
    return (state === "queued" || state === "streaming") && now - this.#heardAt > SILENCE_MS[state];
  }

  /**
   * Why the run must end now; undefined if it may go on.
   *
   * @param run `answering` is the provider at work; `isPaused` says that the client takes no more
   */
  overdue(
    now: number,
    run: { readonly state: RunState; readonly answering: string; readonly isPaused: boolean },
  ): Failure | undefined {
    const { acceptedAt, deadlines, isResumed } = this.#options;
    const seconds = (ms: number) => `${ms / 1_000} s`;
    if (now - acceptedAt > deadlines.totalMs) {
      const message = `The answer took longer than ${seconds(deadlines.totalMs)}.`;
      return failure("run_timeout", isResumed ? undefined : message);
    }
    const queueMs = deadlines.queueMs(this.#waitsFor);
    const isWaiting = run.state === "submitting" || run.state === "queued";
    if (isWaiting && now - this.#waitsSince > queueMs) {
      const message = `No worker became free for ${this.#waitsFor} within ${seconds(queueMs)}.`;
      return failure("queue_timeout", message);
    }
    // The worker is gone, and the queue has not noticed.
    const isRead = run.state === "streaming" && !run.isPaused;
    if (isRead && now - this.#deliveredAt > deadlines.silenceMs(run.answering)) {
      return failure("run_timeout", "No part of the answer came for too long. Try again.");
    }
    return undefined;
  }

  /** Whether the run is past every bound, and this was not known before. True at most once. */
  becameStuck(now: number): boolean {
    const { acceptedAt, deadlines } = this.#options;
    if (this.#isKnownStuck || now - acceptedAt <= deadlines.totalMs + STUCK_AFTER_MS) return false;
    this.#isKnownStuck = true;
    return true;
  }
}
