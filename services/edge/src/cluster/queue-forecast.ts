/**
 * When each run of a queue will come to its turn.
 *
 * Runs that began together end together: behind 100 that have just begun, the first in the queue waits for as long
 * as the last. So the queue is played forward, place by place, from how long the runs at work have been at it and
 * how long such runs last.
 */
import { ascending, countUpTo, type EndedHolds, HoldTimes } from "../telemetry/hold-times.ts";

/** Of more places each that is played stands for several. */
const MOST_PLAYED = 256;

export interface QueueOutlook {
  /** Runs at work, in the whole cluster. */
  readonly active: number;
  /** Most at once. While runs wait, those at work are as many as there can be, unless `apartMs` holds them up. */
  readonly atOnce: number;
  /** How long some of those at work have been at it, in milliseconds; none where nothing is known. */
  readonly ages: readonly number[];
  readonly ended: EndedHolds;
  /** Least time between two that begin; 0 where the account has no rate. */
  readonly apartMs: number;
}

/**
 * The waits of a queue, in milliseconds from now.
 *
 * @param count how many of its runs are of interest, from its front
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

/** When each place that is taken becomes free, the soonest first. */
function freedAfter(ages: readonly number[], times: HoldTimes, atWork: number): number[] {
  const known = ascending(ages);
  const left = Array.from({ length: atWork }, (_, index) => {
    const age = known[Math.floor(((index + 0.5) / atWork) * known.length)];
    // Nothing is known of them: they began one after the other.
    return age === undefined ? ((index + 1) / atWork) * times.meanMs : times.left(age, index);
  });
  return ascending(left);
}

function insert(values: number[], value: number): void {
  values.splice(countUpTo(values, value), 0, value);
}
