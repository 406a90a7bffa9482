/** When a run is looked at that its client has left, and when it is let go of. */
import { createLogger } from "@openclaw/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UNREAD } from "../outbound/answer.ts";
import { LiveRun } from "../outbound/live-run.ts";
import { LiveRuns } from "../outbound/live-runs.ts";
import { RunReaders } from "./run-readers.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An edge, with a run that another one is named for. */
function edge(isAlive: () => boolean) {
  let looks = 0;
  const readers = new RunReaders({
    node: "here",
    records: {
      watchers: async () => {
        looks += 1;
        return ["here", "elsewhere"];
      },
      unwatch: async () => ["elsewhere"],
      watch: async () => ({ outcome: "unknown" }),
    },
    runs: new LiveRuns(() => undefined),
    log: createLogger({ service: "test", level: "silent" }),
    isAlive,
    onAbandoned: () => undefined,
  });
  const run = new LiveRun({
    runId: "r",
    session: "s",
    provider: "p",
    chain: ["p"],
    answer: UNREAD,
    read: async () => undefined,
    deadlines: { queueMs: () => 60_000, silenceMs: () => 60_000, totalMs: 60_000 },
    onEnded: () => undefined,
  });
  return { readers, run, looks: () => looks };
}

test("without a grace period a run that is read elsewhere is not looked at all the time", async () => {
  const { readers, run, looks } = edge(() => true);
  readers.keepFor(run, 0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(run.isEnded).toBe(false);
  expect(looks()).toBeGreaterThan(5);
  expect(looks()).toBeLessThan(12);
});
