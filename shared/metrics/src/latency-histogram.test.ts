import { expect, test } from "vitest";
import { LatencyHistogram } from "./latency-histogram.ts";
import { RecentLatency } from "./recent-latency.ts";

test("percentiles are right within 2.5 % over five orders of magnitude", () => {
  const histogram = new LatencyHistogram();
  for (let ms = 1; ms <= 100_000; ms += 1) histogram.record(ms);
  for (const share of [0.01, 0.5, 0.95, 0.99]) {
    const truth = share * 100_000;
    expect(Math.abs(histogram.quantile(share) - truth) / truth).toBeLessThan(0.026);
  }
});

test("the counts of two nodes merge into what one node would have counted", () => {
  const [one, two, both] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()];
  for (let ms = 1; ms < 500; ms += 3) {
    (ms % 2 ? one : two).record(ms);
    both.record(ms);
  }
  one.merge(JSON.parse(JSON.stringify(two.counts())));
  expect(one.summary()).toEqual(both.summary());
});

test("an empty histogram has no summary", () => {
  expect(new LatencyHistogram().summary()).toBeUndefined();
});

test("the share within a limit counts what is at or below it", () => {
  const histogram = new LatencyHistogram();
  for (const ms of [100, 200, 900, 2_000]) histogram.record(ms);
  expect(histogram.shareWithin(1_000)).toBe(0.75);
});

test("what failed is within no limit, and in no percentile", () => {
  const histogram = new LatencyHistogram();
  for (const ms of [100, 100, 100]) histogram.record(ms);
  histogram.recordFailure();
  const merged = new LatencyHistogram();
  merged.merge(JSON.parse(JSON.stringify(histogram.counts())));
  expect(merged.shareWithin(1_000)).toBe(0.75);
  expect(merged.summary()).toMatchObject({ count: 3, failed: 1 });
  expect(merged.summary()?.p99).toBeLessThan(103);
  const dead = new LatencyHistogram();
  dead.recordFailure();
  expect(dead.summary()).toEqual({ count: 0, failed: 1, p50: 0, p95: 0, p99: 0 });
  expect(dead.shareWithin(1_000)).toBe(0);
});

test("what happened more than ten minutes ago is forgotten", () => {
  let now = 0;
  const recent = new RecentLatency(() => now);
  const total = () => Object.values(recent.counts()).reduce((sum, count) => sum + count, 0);
  recent.record(100);
  now = 300_000;
  recent.record(200);
  expect(total()).toBe(2);
  now = 600_000;
  expect(total()).toBe(1);
  now = 2_000_000;
  expect(total()).toBe(0);
});
