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
  const deadline = performance.now() + SLACK * withinMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${SLACK * withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
