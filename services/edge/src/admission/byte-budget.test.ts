import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";

test("gives no more than it has, and gives released bytes again, once", () => {
  const budget = new ByteBudget(100);
  const first = budget.take(60);
  expect(budget.take(41)).toBeUndefined();
  const second = budget.take(40);
  expect(second?.grow(1)).toBe(false);
  first?.release();
  first?.release();
  expect(budget.usedBytes).toBe(40);
  expect(second?.grow(60)).toBe(true);
  second?.release();
  expect(budget.usedBytes).toBe(0);
});

test("a part counts towards the whole, and is bounded by both", () => {
  const whole = new ByteBudget(100);
  const part = new ByteBudget(50, whole);
  const other = whole.take(70);
  expect(part.hasRoom(31)).toBe(false);
  const held = part.take(30);
  expect(whole.usedBytes).toBe(100);
  other?.release();
  expect(held?.grow(21)).toBe(false);
  held?.release();
  expect([whole.usedBytes, part.usedBytes]).toEqual([0, 0]);
});

test("the last eighth is for short requests", () => {
  const budget = new ByteBudget(800_000);
  const long = budget.take(700_000);
  expect(budget.take(20_000)).toBeUndefined();
  const short = budget.take(10_000);
  expect(short?.grow(5_000)).toBe(true);
  // The request is long by now.
  expect(short?.grow(5_000)).toBe(false);
  long?.release();
  expect(short?.grow(5_000)).toBe(true);
});
