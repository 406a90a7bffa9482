import { describe, expect, test } from "vitest";
import { forecast } from "./queue-forecast.ts";

interface Queue {
  readonly places: number;
  readonly users: number;
  /** Of the n-th run. */
  readonly holdOf: (n: number) => number;
}

/** When the run of each user begins and ends, in milliseconds. All users came at once. */
function play({ places, users, holdOf }: Queue) {
  const free = Array.from({ length: places }, () => 0);
  return Array.from({ length: users }, (_, n) => {
    const begunAt = Math.min(...free);
    free[free.indexOf(begunAt)] = begunAt + holdOf(n);
    return { begunAt, endedAt: begunAt + holdOf(n) };
  });
}

/** At one moment, the forecast wait of each run over its real wait, for runs that wait longer than `leastMs`. */
function ratiosAt(
  queue: Queue,
  now: number,
  { leastMs = 0, knows = (_: number): boolean => true } = {},
) {
  const runs = play(queue);
  const ended = runs
    .filter(({ endedAt }) => endedAt <= now)
    .toSorted((a, b) => a.endedAt - b.endedAt);
  const active = runs.filter(({ begunAt, endedAt }) => begunAt <= now && endedAt > now);
  const waiting = runs.filter(({ begunAt }) => begunAt > now);
  expect(ended.length).toBeGreaterThan(9);
  expect(waiting.length).toBeGreaterThan(9);
  const outlook = {
    active: active.length,
    atOnce: 10_000,
    ages: active.filter((_, n) => knows(n)).map(({ begunAt }) => now - begunAt),
    ended: { count: ended.length, ms: ended.slice(-256).map(lengthOf) },
    apartMs: 0,
  };
  const waitOf = forecast(outlook, waiting.length);
  return waiting.flatMap(({ begunAt }, position) => {
    const waitMs = begunAt - now;
    return waitMs > leastMs ? [waitOf(position) / waitMs] : [];
  });
}

function expectWithinTwo(ratios: readonly number[]): void {
  expect(ratios.length).toBeGreaterThan(9);
  const wrong = ratios.filter((ratio) => ratio <= 0.5 || ratio >= 2);
  // The last run of one wave and the first of the next are a whole answer apart, but only one place.
  expect(wrong.length / ratios.length).toBeLessThan(0.02);
}

const lengthOf = ({ begunAt, endedAt }: { begunAt: number; endedAt: number }) => endedAt - begunAt;

/** Without randomness, and without an order that the places could share. */
const spread = (n: number) => (n * 0.754_877) % 1;

describe("the forecast for a waiting user is within a factor of 2", () => {
  const alike = { places: 128, users: 600, holdOf: () => 6_000 };

  test.each([6_050, 8_000, 11_000, 14_000])(
    "of 300 clients that came together for answers of equal length, at %d ms",
    (now) => {
      expectWithinTwo(ratiosAt(alike, now));
    },
  );

  test("if half of the runs at work began on other edges", () => {
    expectWithinTwo(ratiosAt(alike, 8_000, { knows: (n) => n % 2 === 0 }));
  });

  test.each([2_600, 4_000, 6_000, 9_000, 15_000])("of answers of 2 to 8 s, at %d ms", (now) => {
    const varied = { places: 100, users: 900, holdOf: (n: number) => 2_000 + 6_000 * spread(n) };
    expectWithinTwo(ratiosAt(varied, now, { leastMs: 300 }));
  });

  test.each([5_000, 9_000, 20_000])(
    "of many short answers and a few long ones, at %d ms",
    (now) => {
      const holdOf = (n: number) => (spread(n) < 0.9 ? 1_000 + n / 10 : 12_000);
      expectWithinTwo(ratiosAt({ places: 50, users: 900, holdOf }, now, { leastMs: 300 }));
    },
  );

  test.each([1_500, 8_000, 40_000])("of answers that end by chance, at %d ms", (now) => {
    const holdOf = (n: number) => -4_000 * Math.log(1 - spread(n));
    expectWithinTwo(ratiosAt({ places: 100, users: 2_000, holdOf }, now, { leastMs: 300 }));
  });

  test("of more places than the simulation has", () => {
    expectWithinTwo(ratiosAt({ places: 1_000, users: 5_000, holdOf: () => 6_000 }, 8_000));
  });
});

describe("a queue of which little is known", () => {
  const ended = { count: 0, ms: [] };
  const outlook = { active: 10, atOnce: 10, ages: [], ended, apartMs: 0 };

  test("runs last 3 s, and those at work began one after the other", () => {
    const waitOf = forecast(outlook, 30);
    expect([0, 9, 19].map(waitOf)).toEqual([300, 3_000, 6_000]);
  });

  test("if no run is at work yet, all places are free", () => {
    const waitOf = forecast({ ...outlook, active: 0 }, 30);
    expect([0, 9, 10, 20].map(waitOf)).toEqual([0, 0, 3_000, 6_000]);
  });

  test("one ended run sets the estimate", () => {
    const waitOf = forecast(
      { ...outlook, active: 1, ended: { count: 1, ms: [1_000] }, ages: [0] },
      2,
    );
    expect([0, 1].map(waitOf)).toEqual([1_000, 2_000]);
  });
});

test("an account with a rate: its free places are taken one after the other", () => {
  const rated = {
    active: 2,
    atOnce: 100,
    ages: [],
    ended: { count: 1, ms: [500] },
    apartMs: 3_000,
  };
  const waitOf = forecast(rated, 10);
  expect([0, 1, 9].map(waitOf)).toEqual([0, 3_000, 27_000]);
});

test("the longest queue is simulated within a moment", () => {
  const beganAt = performance.now();
  const waitOf = forecast(
    { active: 1, atOnce: 1, ages: [], ended: { count: 2, ms: [10, 20] }, apartMs: 0 },
    10_000,
  );
  expect(waitOf(9_999)).toBeCloseTo(150_000, -4);
  // It takes 3 ms. Only a quadratic algorithm would exceed this.
  expect(performance.now() - beganAt).toBeLessThan(2_000);
});
