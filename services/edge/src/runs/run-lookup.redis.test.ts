/** The report of a run for a client that asks once, against a real Redis. */
import { randomUUID } from "node:crypto";
import { runSchema } from "@openclaw/protocol";
import type { TerminalEntry } from "@openclaw/stream";
import { createStreamFixture, eventually, type StreamFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { RunLookup } from "./run-lookup.ts";

const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "tool_calls",
  usage: { inputTokens: 3, outputTokens: 4 },
  timings: { finishedMs: 1 },
};

let stream: StreamFixture;
let lookup: RunLookup;
let overdue: string[];

beforeEach(async () => {
  stream = await createStreamFixture(inject("redisUrl"));
  overdue = [];
  lookup = new RunLookup({
    records: stream.records,
    endOverdue: async (runId) => {
      overdue.push(runId);
      const terminal = { type: "cancelled", reason: "interrupted" } as const;
      await stream.records.end(runId, terminal);
    },
  });
});

afterEach(() => stream.close());

async function reportOf(runId: string) {
  return runSchema.parse(await lookup.report(runId));
}

test("a report has only the text of the last attempt, however many pages of the log it takes", async () => {
  const runId = await stream.createRun();
  const lost = await stream.openWriter(runId);
  lost.write({ type: "text", text: "lost" });
  await lost.flush();
  const writer = await stream.openWriter(runId);
  expect(await reportOf(runId)).toMatchObject({
    text: "",
    position: { epoch: writer.epoch, seq: 0 },
  });
  // Alternating kinds, so that entries are not merged.
  for (let index = 0; index < 300; index += 1) {
    writer.write({ type: "text", text: `${index} ` });
    writer.write({ type: "reasoning", text: "." });
  }
  writer.write({ type: "tool_call", index: 0, id: "c", name: "f", arguments: "{}" });
  await writer.end(COMPLETED);
  const report = await reportOf(runId);
  expect(report.text).toBe(Array.from({ length: 300 }, (_, index) => `${index} `).join(""));
  expect(report).toMatchObject({
    state: "completed",
    attempts: 2,
    position: { epoch: writer.epoch, seq: 602 },
    reasoning: ".".repeat(300),
    toolCalls: [{ id: "c", name: "f", arguments: "{}" }],
    finish: "tool_calls",
    usage: { inputTokens: 3, outputTokens: 4 },
  });
});

test("an overdue run that no edge holds is ended by a client's look-up", async () => {
  const [runId, inTime] = [
    await stream.createRun({ dueInMs: 1 }),
    await stream.createRun({ dueInMs: 60_000 }),
  ];
  await eventually("its time", async () => (await lookup.status(runId))?.isOverdue);
  expect(await reportOf(runId)).toMatchObject({
    state: "cancelled",
    error: { code: "interrupted" },
    position: { epoch: 0, seq: 1 },
    timings: { queuedMs: expect.any(Number), totalMs: expect.any(Number) },
  });
  expect((await reportOf(inTime)).state).toBe("queued");
  await reportOf(runId);
  expect(overdue).toEqual([runId]);
});

test("an unknown run is not reported", async () => {
  expect(await lookup.report(randomUUID())).toBeUndefined();
});

test("while Redis does not answer, the number of waiting lookups is bounded", async () => {
  const never = new Promise<never>(() => undefined);
  const waiting = new RunLookup({
    records: { status: () => never, read: () => never },
    endOverdue: () => never,
  });
  const ask = (count: number) => {
    for (let asked = 0; asked < count; asked += 1) void waiting.report(randomUUID());
  };
  ask(16);
  // Lookups at work do not count as waiting.
  await eventually("16 at work", () => !waiting.isFull);
  ask(256);
  expect(waiting.isFull).toBe(true);
});
