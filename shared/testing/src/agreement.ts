/** Whether a histogram tells what was measured besides. A bucket is as exact as it can be. */
import type { Share } from "./scraped.ts";

/** As `histogram_quantile` of Prometheus: evenly within a bucket. @param q between 0 and 1 */
export function quantileOf(shares: readonly Share[], q: number): number {
  const at = shares.findIndex(({ share }) => share >= q);
  const { le: low, share: below } = shares[at - 1] ?? { le: 0, share: 0 };
  const { le: high, share: upTo } = shares[at] ?? { le: Number.NaN, share: Number.NaN };
  return low + ((high - low) * (q - below)) / (upTo - below);
}

/**
 * Within 5 %, or in the same bucket or its neighbour. `bounds` are upper bounds, in order. NaN agrees with no number.
 */
export function agrees(bounds: readonly number[], told: number, measured: number): boolean {
  if (Number.isNaN(told) || Number.isNaN(measured)) return false;
  if (Math.abs(told - measured) <= 0.05 * measured) return true;
  const bucket = (seconds: number) => bounds.findIndex((bound) => seconds <= bound);
  return Math.abs(bucket(told) - bucket(measured)) <= 1;
}
