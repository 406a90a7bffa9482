import { backOffMs } from "./back-off.ts";
import { isOutage } from "./redis-outage.ts";
import { sleep } from "./waits.ts";

const BACK_OFF = { firstMs: 10, mostMs: 500 };

/**
 * Repeats an operation of Redis that is safe to repeat until it succeeds, for at most `withinMs`. An error that is no
 * outage is thrown at once: see `isOutage`.
 *
 * A command's deadline also passes when this process was busy, or when one answer got lost. Both are reasons to
 * ask again, not to fail a user.
 *
 * @throws what the last try threw
 */
export async function retryFor<T>(operation: () => Promise<T>, withinMs: number): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (let failures = 0; ; failures += 1) {
    try {
      return await operation();
    } catch (error) {
      const delayMs = backOffMs(failures, BACK_OFF);
      if (!isOutage(error) || performance.now() + delayMs > deadline) throw error;
      await sleep(delayMs);
    }
  }
}
