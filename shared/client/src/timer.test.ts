import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { after } from "./timer.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("waits as long as it is told, also where that is longer than a timer takes", () => {
  const then = vi.fn();
  after(2 * LONGEST_TIMER_MS + 5, then);
  vi.advanceTimersByTime(2 * LONGEST_TIMER_MS + 4);
  expect(then).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(then).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("Infinity is never, and keeps no process alive", () => {
  after(Number.POSITIVE_INFINITY, () => undefined);
  expect(vi.getTimerCount()).toBe(0);
});

test("a timer that is stopped in its second stretch does nothing", () => {
  const then = vi.fn();
  const stop = after(2 * LONGEST_TIMER_MS, then);
  vi.advanceTimersByTime(LONGEST_TIMER_MS + 1);
  stop();
  expect(vi.getTimerCount()).toBe(0);
  expect(then).not.toHaveBeenCalled();
});
