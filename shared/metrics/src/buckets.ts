/** Upper bounds of histograms, in seconds unless said otherwise. */

export const BUCKETS = {
  /** OTel's advice for a time to first token, finer around 0.1 to 0.5 s and longer for models that think. */
  first_text: [
    0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5,
    8, 10, 15, 20, 30, 60, 120, 300,
  ],
  whole: [
    0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60, 120, 300, 600,
  ],
  phase: [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60,
  ],
  gap: [
    0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60,
  ],
  round_trip: [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2,
  ],
  /** Entries of one call. */
  batch: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096],
  /** Tokens, as OTel advises, up to what a context holds. */
  tokens: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576],
} as const satisfies Record<string, readonly number[]>;

export type BucketSet = keyof typeof BUCKETS;

/** What is promised of one class of runs, in milliseconds. */
export interface TargetEdges {
  readonly firstTextMs: number;
  readonly fullMs: number;
}

/**
 * The bounds of a set, with the edge of each target exactly among them. A share that is estimated between two bounds
 * cannot be held against a target.
 */
export function boundsOf(set: BucketSet, targets: readonly TargetEdges[]): number[] {
  const edges = targets.flatMap(({ firstTextMs, fullMs }) => {
    if (set === "first_text") return firstTextMs / 1_000;
    return set === "whole" ? fullMs / 1_000 : [];
  });
  return [...new Set([...BUCKETS[set], ...edges])].sort((a, b) => a - b);
}
