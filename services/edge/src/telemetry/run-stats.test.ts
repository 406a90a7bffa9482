import { LatencyHistogram } from "@openclaw/metrics";
import { failure } from "@openclaw/protocol";
import { expect, test } from "vitest";
import type { EndedRun } from "../runs/ended-run.ts";
import { RunStats } from "./run-stats.ts";

const COMPLETED = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1 },
} as const;

function ended(run: Partial<EndedRun>): EndedRun {
  return {
    runId: "r",
    session: "s",
    provider: "zhipu",
    chain: ["zhipu"],
    answeredBy: "zhipu",
    model: "m",
    terminal: COMPLETED,
    byEdge: false,
    attempts: 1,
    characters: 1,
    isStreamed: true,
    phases: { firstFrameMs: 100, totalMs: 200 },
    edgePhases: { acceptMs: 1, waits: [], holds: [], toSocketMs: 1, leftMs: undefined },
    ...run,
  };
}

const failed = (code: Parameters<typeof failure>[0]) =>
  ({ type: "failed", failure: failure(code), timings: undefined }) as const;

function shares(stats: RunStats) {
  return Object.entries(stats.latency().zhipu?.warm ?? {}).map(([measure, counts]) => {
    const histogram = new LatencyHistogram();
    histogram.merge(counts);
    return [measure, histogram.shareWithin(1_000), histogram.summary()?.failed];
  });
}

test("a failed run misses its targets, even if no worker took it", () => {
  const stats = new RunStats();
  for (let n = 0; n < 3; n += 1) stats.record(ended({}));
  const phases = { totalMs: 50 };
  stats.record(ended({ answeredBy: undefined, terminal: failed("queue_timeout"), phases }));
  stats.record(ended({ terminal: failed("content_filtered"), phases }));
  expect(shares(stats)).toEqual([
    ["firstText", 0.75, 1],
    ["whole", 0.75, 1],
  ]);
  expect(stats.takeTotals()).toEqual({ completed: 3, failed: 2 });
});

test("a client that waits for the whole answer has no first text", () => {
  const stats = new RunStats();
  stats.record(ended({ isStreamed: false, phases: { totalMs: 200 } }));
  expect(shares(stats)).toEqual([
    ["firstText", 1, undefined],
    ["whole", 1, 0],
  ]);
});
