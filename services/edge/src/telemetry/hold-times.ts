/**
 * For how long runs of a provider have their places.
 *
 * Of many that began together the short ones end first, so those that ended tell too little until the long ones have
 * ended too. How long the others have been at it by then is heeded as well: by the estimator of Kaplan and Meier,
 * and beyond the longest that ended by a rate that goes on.
 */

/** How long each is taken to last where none has ended yet. */
const USUAL_HOLD_MS = 3_000;
const QUANTILES = 128;
/** Spreads what is picked one after the other evenly, whatever their number. */
const GOLDEN = 0.618_033_988_75;

/** Runs of a provider that ended. */
export interface EndedHolds {
  readonly count: number;
  /** For how long the last of them had their places, in milliseconds. */
  readonly ms: readonly number[];
}

export class HoldTimes {
  /** In milliseconds, the shortest first. A run lasts about as long as one of these, picked at random. */
  readonly #holds: readonly number[];
  readonly #beyondMs: number;

  /** @param ages how long each of those at work has been at it, in milliseconds */
  constructor(ended: EndedHolds, ages: readonly number[]) {
    const known = ascending(ended.ms);
    // Of many that ended only the last are kept, and all that are at work.
    const weight = known.length === 0 ? 1 : Math.max(1, ended.count / known.length);
    const older = ascending(ages);
    this.#beyondMs = meanBeyond(known, older, weight);
    this.#holds = known.length === 0 ? [USUAL_HOLD_MS] : this.#quantiles(known, older, weight);
  }

  get meanMs(): number {
    return this.#holds.reduce((sum, hold) => sum + hold, 0) / this.#holds.length;
  }

  /** How long the next run lasts. @param turn any number; each gives another one of the likely times */
  next(turn: number): number {
    return at(this.#holds, shareOf(turn));
  }

  /** How much longer a run lasts that has been at work for so long. */
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
 * For how long a run goes on that has lasted longer than any that ended, on average: as the rate says at which those
 * ended that outlasted the shortest; or as long as the oldest has gone on already, since not one of them has ended.
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
