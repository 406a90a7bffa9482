/** What a test measured, to be judged and to be quoted. */
export interface Figures {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Each share is that of a value really measured, the higher one where two would do. */
export function figuresOf(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** In whole milliseconds: `p50 12 ms, p99 31 ms, max 40 ms (of 50)`. */
export function inWords({ count, p50, p99, max }: Figures): string {
  const [middle, high, highest] = [p50, p99, max].map((ms) => `${Math.round(ms)} ms`);
  return `p50 ${middle}, p99 ${high}, max ${highest} (of ${count})`;
}
