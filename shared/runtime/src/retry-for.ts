import { setTimeout as delay } from "node:timers/promises";
import { isOutage } from "./redis-outage.ts";

const FIRST_DELAY_MS = 10;
const MOST_DELAY_MS = 500;

/**
 * Repeats an operation of Redis that is safe to repeat until it succeeds, for at most `withinMs`. An error that is no
 * outage is thrown at once: see `isOutage`.
 *
 * A command's deadline also passes when this process was busy, or when one answer got lost: reason
 * to ask again, not to fail a user. The waits grow with jitter, so an outage is not hammered.
 *
 * @throws what the last try threw
 */
export async function retryFor<T>(operation: () => Promise<T>, withinMs: number): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, MOST_DELAY_MS)) {
    try {
      return await operation();
    } catch (error) {
      if (!isOutage(error) || performance.now() + delayMs > deadline) throw error;
      await delay(delayMs * (0.5 + Math.random() / 2));
    }
  }
}
