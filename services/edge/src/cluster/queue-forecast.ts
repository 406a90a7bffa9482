/**
 * Forecasts when each run of a queue will get its place.
 *
 * Runs that began together end together. Behind 100 runs that have just begun, the first in the queue waits as long
 * as the last. So the queue is simulated, place by place. The input is how long each run has been at work, and how
 * long such runs last.
 */
import { ascending, countUpTo, type EndedHolds, HoldTimes } from "../telemetry/hold-times.ts";

/** With more places, each simulated place stands for several. */
const MOST_PLAYED = 256;

export interface QueueOutlook {
  /** Runs at work, in the whole cluster. */
  readonly active: number;
  /** Most at once. While runs wait, all places are taken, unless `apartMs` holds runs up. */
  readonly atOnce: number;
  /**
   * How long some of the runs at work have been at work, in milliseconds; empty if that is unknown.
   */
  readonly ages: readonly number[];
  readonly ended: EndedHolds;
  /** Least time between the starts of two runs; 0 if the account has no rate. */
  readonly apartMs: number;
}

/**
 * The waits of a queue, in milliseconds from now.
 *
 * @param count how many runs from the front of the queue are of interest
 */
export function forecast(outlook: QueueOutlook, count: number): (position: number) => number {
  const places = placesOf(outlook);
  const played = Math.min(places, MOST_PLAYED);
  const each = places / played;
  const times = new HoldTimes(outlook.ended, outlook.ages);
  const atWork = Math.min(played, Math.round(outlook.active / each));
  const free = [...Array(played - atWork).fill(0), ...freedAfter(outlook.ages, times, atWork)];
  const waits: number[] = [];
  let begunAt = Number.NEGATIVE_INFINITY;
  for (let turn = 0; turn * each < count; turn += 1) {
    begunAt = Math.max(free.shift() ?? 0, begunAt + outlook.apartMs * each);
    waits.push(begunAt);
    insert(free, begunAt + times.next(turn));
  }
  return (position) => waits[Math.min(Math.floor(position / each), waits.length - 1)] ?? 0;
}

function placesOf({ active, atOnce, apartMs }: QueueOutlook): number {
  return active > 0 && apartMs === 0 ? active : Math.max(active, atOnce, 1);
}

/** When each taken place becomes free, the soonest first. */
function freedAfter(ages: readonly number[], times: HoldTimes, atWork: number): number[] {
  const known = ascending(ages);
  const left = Array.from({ length: atWork }, (_, index) => {
    const age = known[Math.floor(((index + 0.5) / atWork) * known.length)];
    // Without known ages, the runs are assumed to have begun one after the other.
    return age === undefined ? ((index + 1) / atWork) * times.meanMs : times.left(age, index);
  });
  return ascending(left);
}

function insert(values: number[], value: number): void {
  values.splice(countUpTo(values, value), 0, value);
}
