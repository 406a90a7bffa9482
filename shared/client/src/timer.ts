/** A timer for longer than this, which is almost 25 days, goes off at once. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Calls `then` in so many milliseconds, which may be any number: `Infinity` is never.
 *
 * @returns what stops it
 */
export function after(ms: number, then: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (leftMs: number): void => {
    if (leftMs === Number.POSITIVE_INFINITY) return;
    const restMs = leftMs - LONGEST_MS;
    timer = setTimeout(() => (restMs > 0 ? wait(restMs) : then()), Math.min(leftMs, LONGEST_MS));
  };
  wait(ms);
  return () => clearTimeout(timer);
}
