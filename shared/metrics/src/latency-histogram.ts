/**
 * Durations counted into buckets that grow by 5 %. A percentile is right within 2.5 % at any size, and the counts of
 * many nodes add up to those of the cluster.
 *
 * A percentile of percentiles would be wrong; a Prometheus histogram's few buckets would be too
 * coarse to hold against a target.
 */
const GROWTH = Math.log(1.05);
/** 30 minutes; longer counts as this. */
const LONGEST_MS = 1_800_000;
/** Far behind the bucket of the longest: what never came. */
const NEVER = 1_000;

/** Counts by bucket, as they travel between nodes. */
export type LatencyCounts = Readonly<Record<string, number>>;

export interface LatencySummary {
  readonly count: number;
  /** How many never came: they are in no percentile, and within no limit. */
  readonly failed: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export class LatencyHistogram {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** How many came. */
  get count(): number {
    return this.#total - this.#failed;
  }

  get #failed(): number {
    return this.#counts.get(NEVER) ?? 0;
  }

  record(durationMs: number): void {
    this.#add(bucketOf(durationMs), 1);
  }

  /** What was waited for failed. */
  recordFailure(): void {
    this.#add(NEVER, 1);
  }

  /** Adds what another histogram counted. */
  merge(counts: LatencyCounts): void {
    for (const [bucket, count] of Object.entries(counts)) this.#add(Number(bucket), count);
  }

  counts(): LatencyCounts {
    return Object.fromEntries(this.#counts);
  }

  /** The duration in milliseconds that a share (0 to 1) of those that came did not exceed; 0 where none did. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count));
    if (this.count === 0) return 0;
    let seen = 0;
    for (const bucket of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(bucket) ?? 0;
      if (seen >= rank) return middleOf(bucket);
    }
    return 0;
  }

  summary(): LatencySummary | undefined {
    if (this.#total === 0) return undefined;
    const at = (share: number) => Math.round(this.quantile(share));
    return { count: this.count, failed: this.#failed, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }

  /** The share at or below a limit of all that was waited for, 0 to 1; its edge is a bucket, hence ±2.5 %. */
  shareWithin(limitMs: number): number {
    if (this.#total === 0) return 1;
    let within = 0;
    for (const [bucket, count] of this.#counts) {
      if (bucket !== NEVER && middleOf(bucket) <= limitMs) within += count;
    }
    return within / this.#total;
  }

  #add(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#total += count;
  }
}

function bucketOf(durationMs: number): number {
  const clamped = Math.min(Math.max(durationMs, 1), LONGEST_MS);
  return Math.floor(Math.log(clamped) / GROWTH);
}

function middleOf(bucket: number): number {
  return Math.exp((bucket + 0.5) * GROWTH);
}
