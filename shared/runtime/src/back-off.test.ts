import { expect, test } from "vitest";
import { backOffMs } from "./back-off.ts";

const LIMITS = { firstMs: 10, mostMs: 500 };

test("doubles the longest wait with each failure, up to the most", () => {
  const longest = [0, 1, 2, 5, 6, 2_000].map((failures) =>
    backOffMs(failures, { ...LIMITS, random: () => 1 }),
  );
  expect(longest).toEqual([10, 20, 40, 320, 500, 500]);
});

test("leaves half of a wait to chance, or another share", () => {
  const least = (steady?: number) =>
    backOffMs(1, { ...LIMITS, random: () => 0, ...(steady !== undefined && { steady }) });
  expect([least(), least(0), least(0.75), least(1)]).toEqual([10, 0, 15, 20]);
});
