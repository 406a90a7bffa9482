import { KeptSpans } from "@openclaw/testing";
import { expect, test } from "vitest";
import type { EndedRun } from "../runs/ended-run.ts";
import { RunTraces } from "./run-traces.ts";

const ENDED: EndedRun = {
  runId: "r1",
  session: "secret-session",
  provider: "nvidia2",
  chain: ["nvidia2", "zhipu"],
  answeredBy: "zhipu",
  model: "glm",
  terminal: { type: "cancelled", reason: "client" },
  byEdge: true,
  attempts: 2,
  characters: 9,
  phases: { totalMs: 30, firstFrameMs: 20 },
  isStreamed: true,
  edgePhases: {
    acceptMs: 1,
    waits: [{ provider: "nvidia2", since: 5, ms: 2 }],
    holds: [],
    toSocketMs: 1,
    leftMs: undefined,
  },
};

const begin = (traces: RunTraces, runId: string) =>
  traces.begin({ runId, provider: "nvidia2", parent: undefined });

test("the span of a run has its figures, and not its session", () => {
  const tracer = new KeptSpans();
  begin(new RunTraces(tracer), "r1").ended(ENDED);
  const [run, wait] = tracer.spans;
  expect(run).toMatchObject({ name: "run", events: ["first text"], ends: [undefined] });
  expect(run?.attributes).toMatchObject({
    "openclaw.run.id": "r1",
    "openclaw.outcome": "cancelled",
    "openclaw.cancel.reason": "client",
    "openclaw.provider": "zhipu",
  });
  expect(wait).toMatchObject({ name: "wait", parent: "run", ends: [undefined] });
  expect(JSON.stringify(tracer.spans)).not.toContain("secret-session");
});

test("runs that go on without a stopping edge end there as left, each once", async () => {
  const tracer = new KeptSpans();
  const traces = new RunTraces(tracer);
  begin(traces, "r1").ended(ENDED);
  begin(traces, "r2");
  await traces.stop();
  await traces.stop();
  const runs = tracer.spans.filter(({ name }) => name === "run");
  expect(runs.map(({ ends, attributes }) => [ends.length, attributes["openclaw.outcome"]])).toEqual(
    [
      [1, "cancelled"],
      [1, "left"],
    ],
  );
});
