import type { EndedHolds } from "./hold-times.ts";

/** Enough to tell short runs from long ones, and few enough to be recent. */
const KEPT = 256;
const MOST_REPORTED = 16;

/** How long the last runs of a provider had their places. */
export class RecentHolds {
  /** The oldest value is overwritten. */
  readonly #ms: number[] = [];
  #count = 0;

  get ended(): EndedHolds {
    return { count: this.#count, ms: this.#ms };
  }

  /** A few times with the same spread as all of them. */
  get inShort(): EndedHolds {
    const all = this.#ms.toSorted((a, b) => a - b);
    const count = Math.min(MOST_REPORTED, all.length);
    const at = (index: number) => all[Math.floor(((index + 0.5) / count) * all.length)] ?? 0;
    return { count: this.#count, ms: Array.from({ length: count }, (_, index) => at(index)) };
  }

  add(ms: number): void {
    this.#ms[this.#count % KEPT] = Math.round(ms);
    this.#count += 1;
  }
}

/** Joins what several edges know. */
export function together(known: readonly EndedHolds[]): EndedHolds {
  return {
    count: known.reduce((sum, { count }) => sum + count, 0),
    ms: known.flatMap(({ ms }) => ms),
  };
}
