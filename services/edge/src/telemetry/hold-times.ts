/**
 * How long runs of a provider keep their places.
 *
 * Of runs that began together, the short ones end first. So the ended runs alone are biased until the long ones
 * have ended too. The ages of the runs at work correct that, by the Kaplan-Meier estimator. Beyond the longest
 * ended run, a constant rate continues the estimate.
 */

/** The estimate as long as no run has ended. */
const USUAL_HOLD_MS = 3_000;
const QUANTILES = 128;
/** The golden ratio spreads consecutive picks evenly, however many there are. */
const GOLDEN = 0.618_033_988_75;

/** Runs of a provider that ended. */
export interface EndedHolds {
  readonly count: number;
  /** How long the last of them had their places, in milliseconds. */
  readonly ms: readonly number[];
}

export class HoldTimes {
  /**
   * In milliseconds, the shortest first. A run lasts about as long as one of these, picked at random.
   */
  readonly #holds: readonly number[];
  readonly #beyondMs: number;

  /** @param ages how long each run at work has been at work, in milliseconds */
  constructor(ended: EndedHolds, ages: readonly number[]) {
    const known = ascending(ended.ms);
    // Of the ended runs only the last are kept; of the runs at work, all. The weight restores the proportion.
    const weight = known.length === 0 ? 1 : Math.max(1, ended.count / known.length);
    const older = ascending(ages);
    this.#beyondMs = meanBeyond(known, older, weight);
    this.#holds = known.length === 0 ? [USUAL_HOLD_MS] : this.#quantiles(known, older, weight);
  }

  get meanMs(): number {
    return this.#holds.reduce((sum, hold) => sum + hold, 0) / this.#holds.length;
  }

  /**
   * How long the next run lasts.
   *
   * @param turn any number; each gives another of the likely times
   */
  next(turn: number): number {
    return at(this.#holds, shareOf(turn));
  }

  /** How much longer a run lasts that has been at work for `ageMs`. */
  left(ageMs: number, turn: number): number {
    const longer = this.#holds.slice(countUpTo(this.#holds, ageMs));
    if (longer.length > 0) return at(longer, shareOf(turn)) - ageMs;
    return this.#beyondMs * -Math.log(1 - shareOf(turn));
  }

  #quantiles(known: readonly number[], ages: readonly number[], weight: number): number[] {
    const holds: number[] = [];
    let lasting = 1;
    known.forEach((hold, index) => {
      const younger = countUpTo(ages, hold);
      const atRisk = weight * (known.length - index) + ages.length - younger;
      lasting *= 1 - weight / atRisk;
      while (quantileOf(holds.length) <= 1 - lasting) holds.push(hold);
    });
    const longest = known.at(-1) ?? 0;
    while (holds.length < QUANTILES) {
      const share = Math.max(lasting, 1 - quantileOf(holds.length));
      holds.push(longest + this.#beyondMs * Math.log(share / (1 - quantileOf(holds.length))));
    }
    return holds;
  }
}

/**
 * The mean rest of a run that has lasted longer than any ended run. It is the larger of two estimates. One follows from the rate at which runs ended that outlasted the shortest. The other is how long the oldest run has gone on beyond the
 * longest.
 */
function meanBeyond(known: readonly number[], ages: readonly number[], weight: number): number {
  const [shortest, longest] = [known[0], known.at(-1)];
  if (shortest === undefined || longest === undefined) return 0;
  const outlasted = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + Math.max(0, value - shortest), 0);
  const byRate = (outlasted(known) * weight + outlasted(ages)) / (known.length * weight);
  return Math.max(byRate, (ages.at(-1) ?? 0) - longest);
}

function quantileOf(index: number): number {
  return (index + 0.5) / QUANTILES;
}

function shareOf(turn: number): number {
  return (0.5 + turn * GOLDEN) % 1;
}

function at(values: readonly number[], share: number): number {
  return values[Math.floor(share * values.length)] ?? 0;
}

export function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

/** How many of `values`, the lowest first, are at most `limit`. */
export function countUpTo(values: readonly number[], limit: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
