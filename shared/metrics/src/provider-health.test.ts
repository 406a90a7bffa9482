import { expect, test } from "vitest";
import { RecentMean } from "./provider-health.ts";

test("a mean follows what is new within about ten samples", () => {
  const mean = new RecentMean();
  for (let n = 0; n < 50; n += 1) mean.add(100);
  expect(mean.value).toBeCloseTo(100);
  for (let n = 0; n < 10; n += 1) mean.add(1_000);
  expect(mean.value).toBeGreaterThan(850);
});

test("a mean is forgotten after a minute without news, and begins anew", () => {
  let now = 0;
  const mean = new RecentMean(() => now);
  mean.add(9_000);
  now = 60_000;
  expect(mean.value).toBe(9_000);
  now = 60_001;
  expect(mean.value).toBeUndefined();
  mean.add(100);
  expect(mean.value).toBe(100);
});
