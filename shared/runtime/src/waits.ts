/**
 * The ways to wait. Each is bounded by a time or by a signal, and leaves no timer and no listener behind.
 *
 * A promise cannot be cancelled. So `within` and `untilAborted` end the wait, never the work: the work goes on,
 * and its later outcome is dropped, a rejection too. Give the work the same signal where it takes one.
 */
import { setTimeout as delay } from "node:timers/promises";

/** The outcome of `within` when the time passed first. */
export const LATE = Symbol("late");

/**
 * Waits for `work`, for at most `ms` milliseconds.
 *
 * @returns the outcome of `work`, or `LATE` when the time passed first
 * @throws what `work` rejects with, when it does so in time
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, ms, LATE);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for `work` until `signal` aborts.
 *
 * @throws the signal's reason once it aborts; what `work` rejects with before that
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/**
 * Sleeps for `ms` milliseconds, or until `signal` aborts. Never rejects.
 *
 * @returns whether the whole time passed
 */
export async function sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
  // The only error is that of the signal.
  return delay(ms, true, { signal }).catch(() => false);
}

export interface PollOptions {
  /** Milliseconds between the end of one look and the next. */
  readonly everyMs: number;
  /** Milliseconds after which no further look begins. A last look is made after they have passed. */
  readonly withinMs: number;
  /** Ends the polling early. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks until `look` answers something truthy.
 *
 * @returns that answer; undefined after `withinMs`, or once `signal` aborts
 * @throws what `look` throws
 */
export async function poll<T>(
  look: () => T | Promise<T>,
  { everyMs, withinMs, signal }: PollOptions,
): Promise<NonNullable<T> | undefined> {
  const deadline = performance.now() + withinMs;
  while (!signal?.aborted) {
    const isLast = performance.now() > deadline;
    const answer = await look();
    if (answer) return answer;
    if (isLast || !(await sleep(everyMs, signal))) break;
  }
  return undefined;
}
