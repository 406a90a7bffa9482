import { describe, expect, test } from "vitest";
import { rateOf } from "./run-queues.ts";

describe("a rate keeps any minute within the limit", () => {
  test.each([
    [1, { max: 1, durationMs: 60_000 }],
    [20, { max: 1, durationMs: 3_000 }],
    [40, { max: 3, durationMs: 5_000 }],
    [600, { max: 46, durationMs: 5_000 }],
  ])("%i", (rpm, rate) => {
    expect(rateOf(rpm)).toEqual(rate);
    // Windows begin with their first run: so many of them can touch one minute.
    const windows = rate.max === 1 ? 60_000 / rate.durationMs : 60_000 / rate.durationMs + 1;
    expect(windows * rate.max).toBeLessThanOrEqual(rpm);
  });

  test("none where there is no limit", () => {
    expect(rateOf(undefined)).toBeUndefined();
  });
});
