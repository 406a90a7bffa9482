export interface BackOff {
  /** The longest wait after the first failure, in milliseconds. It doubles with each further failure. */
  readonly firstMs: number;
  /** The longest wait of all, in milliseconds. */
  readonly mostMs: number;
  /** The share of a wait that is not left to chance, from 0 ("full jitter") to 1; half of it by default. */
  readonly steady?: number;
  /** From 0 to 1; for tests. */
  readonly random?: () => number;
}

/**
 * How long to wait before the next try, in milliseconds. The waits grow, so that an outage is not hammered. They
 * are jittered, so that clients that failed together do not come back together.
 *
 * @param failures earlier failures in a row before the last one, from 0
 */
export function backOffMs(
  failures: number,
  { firstMs, mostMs, steady = 0.5, random = Math.random }: BackOff,
): number {
  const ceilingMs = Math.min(mostMs, firstMs * 2 ** failures);
  return ceilingMs * (steady + (1 - steady) * random());
}
