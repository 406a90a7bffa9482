/** How long an open run is waited for: for a worker, for text, for its end, and for word of it. */
import { type Failure, failure } from "@openclaw/protocol";
import type { RunState } from "./run-state.ts";

export interface RunDeadlines {
  /** How long the run may wait for a worker at this provider. */
  readonly queueMs: (provider: string) => number;
  /** How long nothing may come of a run that is at work. Its worker knows better, unless it is gone. */
  readonly silenceMs: (provider: string) => number;
  /** From accepted to ended, whatever happens. */
  readonly totalMs: number;
}

/**
 * A run that says nothing for so long has its log read, in case a message was lost. One that still
 * waits for a worker is silent by nature, and there may be thousands of them.
 */
const SILENCE_MS = { streaming: 2_000, queued: 5_000 } as const;
/** Runs that fell silent together are not all looked at together. */
const SPREAD_MS = 1_000;
/** Beyond its last deadline: by then the sweep, which holds that, has come by several times. */
const STUCK_AFTER_MS = 5_000;

export interface RunTimeoutsOptions {
  readonly deadlines: RunDeadlines;
  /** Whose worker it waits for at first. */
  readonly provider: string;
  /** When it was accepted; this and every `now` by the monotonic clock. */
  readonly acceptedAt: number;
  /** Whether it began elsewhere: how long it took is not known then. */
  readonly isResumed: boolean;
  /** How long it had waited for a worker by then. */
  readonly waitedMs: number;
}

export class RunTimeouts {
  readonly #options: RunTimeoutsOptions;
  #heardAt: number;
  /** When something of it came, be it from the log. */
  #deliveredAt: number;
  /** Whose worker it waits for, or was taken by, and since when it has waited. */
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

  /** The provider on whose queue it is, or was last. */
  get waitsFor(): string {
    return this.#waitsFor;
  }

  /** Something was published of it. */
  heard(at: number): void {
    this.#heardAt = at;
  }

  /** Something of it was read, wherever it came from. */
  delivered(): void {
    this.#deliveredAt = performance.now();
  }

  /** It is on the queue of another provider. */
  waits(provider: string): void {
    this.#waitsFor = provider;
    this.#waitsSince = performance.now();
  }

  /** Its log is being looked at. */
  looked(now: number): void {
    this.#heardAt = now - Math.random() * SPREAD_MS;
  }

  isSilent(now: number, state: RunState): boolean {
    return (state === "queued" || state === "streaming") && now - this.#heardAt > SILENCE_MS[state];
  }

  /** Why it is to be ended now, if it is. `answering`: who works on it; `isPaused`: its client does not read. */
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
    // Whoever worked on it is gone, and so is what should have noticed that.
    const isRead = run.state === "streaming" && !run.isPaused;
    if (isRead && now - this.#deliveredAt > deadlines.silenceMs(run.answering)) {
      return failure("run_timeout", "Nothing was heard of the answer for too long. Try again.");
    }
    return undefined;
  }

  /** Whether it is found only now to be past every bound. True at most once. */
  becameStuck(now: number): boolean {
    const { acceptedAt, deadlines } = this.#options;
    if (this.#isKnownStuck || now - acceptedAt <= deadlines.totalMs + STUCK_AFTER_MS) return false;
    this.#isKnownStuck = true;
    return true;
  }
}
