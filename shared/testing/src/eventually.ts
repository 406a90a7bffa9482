/**
 * Waits until `condition` gives something truthy, and answers it. Polls, so that no test guesses a
 * duration; fails with `what` once `withinMs` have passed.
 */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  { withinMs = 5_000, everyMs = 10 }: { withinMs?: number; everyMs?: number } = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
