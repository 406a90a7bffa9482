import { expect, test } from "vitest";
import { PublishBudget } from "./publish-budget.ts";

const KIB = 1024;

test("a small batch is always published, a very large one never", () => {
  const budget = new PublishBudget(() => 0);
  for (let count = 0; count < 10_000; count += 1) expect(budget.take(4 * KIB)).toBe(true);
  expect(budget.take(65 * KIB)).toBe(false);
});

test("what is in between is published up to 1 MiB at once, then 4 MiB a second", () => {
  let now = 0;
  const budget = new PublishBudget(() => now);
  const published = () => {
    let bytes = 0;
    while (budget.take(16 * KIB)) bytes += 16 * KIB;
    return bytes;
  };
  expect(published()).toBe(1_024 * KIB);
  now += 125;
  expect(published()).toBe(512 * KIB);
  now += 60_000;
  expect(published()).toBe(1_024 * KIB);
});
