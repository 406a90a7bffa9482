import { poll } from "@openclaw/runtime/waits";

/** How much longer than on an idle machine a busy one may take. */
const SLACK = 3;

/**
 * Waits until `condition` gives something truthy, and answers it. Polls, so that no test guesses a
 * duration; fails with `what` once three times `withinMs` have passed.
 *
 * @param options.withinMs what it takes at most on an idle machine
 */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  { withinMs = 5_000, everyMs = 10 }: { withinMs?: number; everyMs?: number } = {},
): Promise<NonNullable<T>> {
  const value = await poll(condition, { everyMs, withinMs: SLACK * withinMs });
  if (value === undefined) throw new Error(`not within ${SLACK * withinMs} ms: ${what}`);
  return value;
}
