import { expect, test } from "vitest";
import { agrees, quantileOf } from "./agreement.ts";

const BOUNDS = [0.1, 0.2, 0.4, 0.8, Number.POSITIVE_INFINITY];

test("what is within 5 %, or a bucket away, agrees; two buckets away does not", () => {
  expect(agrees(BOUNDS, 0.15, 0.39)).toBe(true);
  expect(agrees(BOUNDS, 0.15, 0.41)).toBe(false);
  expect(agrees([0.1, 0.101, 0.102, 0.103], 0.1, 0.103)).toBe(true);
});

test("what is no number agrees with nothing", () => {
  expect(agrees(BOUNDS, Number.NaN, 0.1)).toBe(false);
  expect(agrees(BOUNDS, Number.NaN, Number.NaN)).toBe(false);
});

test("a quantile lies within its bucket as evenly as Prometheus puts it", () => {
  const shares = [0, 0.5, 1].map((share, index) => ({ le: index, share }));
  expect(quantileOf(shares, 0.75)).toBe(1.5);
  expect(quantileOf([], 0.5)).toBeNaN();
});
