import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NO_READER } from "../answers/answer.ts";
import { LiveRun } from "./live-run.ts";
import { LiveRuns } from "./live-runs.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval", "setImmediate"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function begin(onEnded: () => void): LiveRun {
  const run = new LiveRun({
    runId: "r",
    session: "s",
    provider: "p",
    chain: ["p"],
    answer: NO_READER,
    read: async () => undefined,
    deadlines: { queueMs: () => 60_000, silenceMs: () => 60_000, totalMs: 10_000 },
    onEnded,
  });
  run.queued();
  return run;
}

test("a run that is swept in time is ended at its bound, and never stuck", async () => {
  let stuck = 0;
  let ended = 0;
  const runs = new LiveRuns({
    onStuck: () => {
      stuck += 1;
    },
  });
  await runs.start();
  const run = begin(() => {
    ended += 1;
    runs.remove(run);
  });
  runs.add(run);
  await vi.advanceTimersByTimeAsync(30_000);
  await runs.stop();
  expect([ended, stuck]).toEqual([1, 0]);
});

test("a run that is not ended at its bound is stuck, and counts once", async () => {
  let stuck = 0;
  const runs = new LiveRuns({
    onStuck: () => {
      stuck += 1;
    },
  });
  await runs.start();
  runs.add(begin(() => undefined));
  await vi.advanceTimersByTimeAsync(14_900);
  expect(stuck).toBe(0);
  await vi.advanceTimersByTimeAsync(30_000);
  await runs.stop();
  expect(stuck).toBe(1);
});
