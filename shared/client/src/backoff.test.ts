import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

test("ceilings double from 100 ms to 3 s", () => {
  const highest = () => 1;
  expect([0, 1, 2, 3, 4, 5, 6, 2_000].map((failures) => backoffMs(failures, highest))).toEqual([
    100, 200, 400, 800, 1_600, 3_000, 3_000, 3_000,
  ]);
});

test("below the ceiling every wait is as likely as another, none at all included", () => {
  expect([0, 0.25, 0.5].map((chance) => backoffMs(3, () => chance))).toEqual([0, 200, 400]);
  const waits = Array.from({ length: 100 }, () => backoffMs(6));
  expect(new Set(waits).size).toBe(100);
  expect(Math.max(...waits)).toBeLessThan(3_000);
});
