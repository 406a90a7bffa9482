import { failure } from "@openclaw/protocol";
import { describe, expect, test } from "vitest";
import { FrameBudget } from "./frame-budget.ts";

const BAD = failure("invalid_json");
const FULL = failure("too_many_runs");
const MIB = 1024 * 1024;

/** A budget, and its clock. */
function budget(maxRuns?: number) {
  const clock = { ms: 0 };
  const one = new FrameBudget({ ...(maxRuns !== undefined && { maxRuns }), now: () => clock.ms });
  return { clock, budget: one };
}

/** How often `act` succeeds before it fails, up to `most`. */
function times(act: () => boolean, most = 100_000): number {
  let count = 0;
  while (count < most && act()) count += 1;
  return count;
}

describe("what a connection may send", () => {
  test("a thousand frames at once, then 200 a second", () => {
    const { clock, budget: one } = budget();
    expect(times(() => one.takeFrame(10))).toBe(1_000);
    clock.ms += 1_000;
    // The one frame above the budget is still owed.
    expect(times(() => one.takeFrame(10))).toBe(199);
  });

  test("pings and pongs as often as frames", () => {
    const { clock, budget: one } = budget();
    expect(times(() => one.takeFrame(10) && one.takeControl())).toBe(500);
    const everySecond = () => {
      clock.ms += 1_000;
      return one.takeControl();
    };
    expect(times(everySecond, 20_000)).toBe(20_000);
  });

  test("its steady rate, for as long as it likes", () => {
    const { clock, budget: one } = budget();
    const steadily = () => {
      clock.ms += 5;
      return one.takeFrame(20_000);
    };
    expect(times(steadily, 20_000)).toBe(20_000);
  });

  test("long frames by their bytes", () => {
    const { clock, budget: one } = budget();
    expect(times(() => one.takeFrame(MIB))).toBe(32);
    clock.ms += 2_000;
    expect(times(() => one.takeFrame(MIB))).toBe(7);
  });

  test("more in proportion if it may have more runs at once", () => {
    const { budget: one } = budget(320);
    expect(times(() => one.takeFrame(10))).toBe(10_000);
  });

  test("a hundred bad frames, then one a second", () => {
    const { clock, budget: one } = budget();
    const refused = () => one.takeFrame(10) && one.takeRefusal(BAD);
    expect(times(refused)).toBe(99);
    clock.ms += 10_000;
    expect(times(refused)).toBe(9);
  });

  test("only a few bad frames that are long", () => {
    const { budget: one } = budget();
    expect(times(() => one.takeFrame(MIB) && one.takeRefusal(BAD))).toBe(3);
  });

  test("refusals for lack of room as often as frames", () => {
    const { budget: one } = budget();
    expect(times(() => one.takeFrame(10) && one.takeRefusal(FULL))).toBe(1_000);
  });
});
