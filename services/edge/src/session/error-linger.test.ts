import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ErrorLinger } from "./error-linger.ts";

let overs = 0;
const onOver = () => {
  overs += 1;
};

beforeEach(() => {
  overs = 0;
  vi.useFakeTimers();
});

afterEach(() => vi.useRealTimers());

test("ends after its time without a frame, counted from the last frame", () => {
  const linger = new ErrorLinger({ errorLingerMs: 100, onOver });
  linger.begin();
  for (let heard = 0; heard < 5; heard += 1) {
    vi.advanceTimersByTime(99);
    linger.heard();
  }
  expect(overs).toBe(0);
  vi.advanceTimersByTime(100);
  expect(overs).toBe(1);
  linger.heard();
  vi.advanceTimersByTime(1_000);
  expect(overs).toBe(1);
});

test("does not end before it begins, after it was ended, or with a time of 0", () => {
  const linger = new ErrorLinger({ errorLingerMs: 100, onOver });
  linger.heard();
  vi.advanceTimersByTime(1_000);
  linger.begin();
  linger.end();
  linger.heard();
  vi.advanceTimersByTime(1_000);
  const endless = new ErrorLinger({ errorLingerMs: 0, onOver });
  endless.begin();
  endless.heard();
  vi.advanceTimersByTime(10_000_000);
  expect(overs).toBe(0);
});
