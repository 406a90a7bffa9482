/** When the readers of a run are checked after its client left, and when the run is abandoned. */
import { createLogger } from "@openclaw/runtime";
import { BEGINNING } from "@openclaw/stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NO_READER } from "../answers/answer.ts";
import { LiveRun } from "./live-run.ts";
import { LiveRuns } from "./live-runs.ts";
import { RunReaders } from "./run-readers.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An edge, with a run that also names another edge in its record. */
function edge(isAlive: () => boolean, isResumed = false) {
  let looks = 0;
  let abandoned = 0;
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
    runs: new LiveRuns(),
    log: createLogger({ service: "test", level: "silent" }),
    isAlive,
    onAbandoned: () => {
      abandoned += 1;
    },
  });
  const run = new LiveRun({
    runId: "r",
    session: "s",
    provider: "p",
    chain: ["p"],
    ...(isResumed && { resumed: { after: BEGINNING, waitedMs: undefined } }),
    answer: NO_READER,
    read: async () => undefined,
    deadlines: { queueMs: () => 60_000, silenceMs: () => 60_000, totalMs: 60_000 },
    onEnded: () => undefined,
  });
  return { readers, run, looks: () => looks, abandoned: () => abandoned };
}

test("without a grace period the readers of a run are not checked all the time", async () => {
  const { readers, run, looks } = edge(() => true);
  readers.keepFor(run, 0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(run.isEnded).toBe(false);
  expect(looks()).toBeGreaterThan(5);
  expect(looks()).toBeLessThan(12);
});

describe("a run whose other edge is silent", () => {
  test("goes on if that edge is alive after all, as after an outage of Redis", async () => {
    for (const isResumed of [false, true]) {
      let isHeard = false;
      const { readers, run, abandoned } = edge(() => isHeard, isResumed);
      readers.keepFor(run, 0);
      await vi.advanceTimersByTimeAsync(1_900);
      isHeard = true;
      await vi.advanceTimersByTimeAsync(10_000);
      // A run that was resumed here is left to the other edge, as always.
      expect([run.isEnded, abandoned()]).toEqual([isResumed, 0]);
    }
  });

  test("gives its client the whole grace period from the silence of the other edge", async () => {
    const { readers, run } = edge(() => false);
    readers.keepFor(run, 10_000);
    await vi.advanceTimersByTimeAsync(19_900);
    expect(run.isEnded).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(run.isEnded).toBe(true);
  });

  test("is abandoned at the second check", async () => {
    const [begun, resumed] = [edge(() => false), edge(() => false, true)];
    begun.readers.keepFor(begun.run, 0);
    resumed.readers.keepFor(resumed.run, 0);
    await vi.advanceTimersByTimeAsync(1_900);
    expect([begun.run.isEnded, resumed.run.isEnded]).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([begun.run.isEnded, resumed.abandoned()]).toEqual([true, 1]);
  });
});
