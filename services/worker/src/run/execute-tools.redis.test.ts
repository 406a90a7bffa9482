/** Runs with tools, and runs that go on unread: real Redis, and two HTTP providers that speak on command. */
import type { RunJob } from "@openclaw/queue";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { type TestWorker, TestWorkers } from "../testing/test-workers.ts";
import { executeRun } from "./execute-run.ts";

let workers: TestWorkers;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"), { orphanGraceMs: 100 });
});

afterEach(() => workers.stop());

/** A worker whose provider would continue an answer. */
const add = (name: string, more: object = {}) =>
  workers.add(name, { continueFromPartial: true, ...more });

const call = (index: number, name: string) => ({
  index,
  id: `call-${name}`,
  type: "function" as const,
  function: { name, arguments: "" },
});
const more = (index: number, given: string) => ({ index, function: { arguments: given } });
const asked = {
  messages: [
    { role: "user" as const, content: "And now?" },
    {
      role: "assistant" as const,
      content: null,
      tool_calls: [
        { id: "c", type: "function" as const, function: { name: "time", arguments: "{}" } },
      ],
    },
    { role: "tool" as const, content: "12:00", tool_call_id: "c" },
  ],
  passed: {
    tools: [{ type: "function" as const, function: { name: "time" } }],
    tool_choice: "required" as const,
    seed: 7,
  },
};
/** What a provider of this test is to be sent of it: all. */
const ASKED = { messages: asked.messages, ...asked.passed };

/** A run that may go on at the second provider, and is asked with tools unless told otherwise. */
const begin = (worker: TestWorker, job: Partial<RunJob> = asked) =>
  workers.begin(worker, { fallback: ["second"], ...job });

/** The calls of the last attempt, joined as a client does. */
async function callsOf(runId: string) {
  const calls: { name: string | undefined; given: string }[] = [];
  for (const entry of await workers.lastAttempt(runId)) {
    if (entry.type !== "tool_call") continue;
    const { name, given = "" } = calls[entry.index] ?? {};
    calls[entry.index] = { name: name ?? entry.name, given: given + entry.arguments };
  }
  return calls;
}

test("calls are in the log as they come, and make a finished answer", async () => {
  const first = await add("first");
  const { runId, finished } = await begin(first);
  const stream = await first.scripted.nextRequest();
  expect(stream.body).toMatchObject(ASKED);
  stream.call(call(0, "time"));
  await eventually("the call", async () => (await callsOf(runId)).length === 1);
  stream.call(more(0, '{"zone":'));
  stream.call(more(0, '"UTC"}'));
  stream.call(call(1, "weather"));
  stream.call(more(1, "{}"));
  stream.finish();
  await finished;
  expect(await callsOf(runId)).toEqual([
    { name: "time", given: '{"zone":"UTC"}' },
    { name: "weather", given: "{}" },
  ]);
  expect((await workers.entries(runId)).at(-1)).toMatchObject({
    type: "completed",
    finish: "tool_calls",
    timings: { firstTokenMs: expect.any(Number) },
  });
});

test("a call is a first token: silence behind it is a stall", async () => {
  const timeouts = { firstTokenMs: 10_000, stallMs: 100 };
  const first = await add("first", { timeouts });
  const { runId, finished } = await begin(first, {
    ...asked,
    fallback: [],
  });
  (await first.scripted.nextRequest()).call(call(0, "time"));
  await finished;
  expect((await workers.entries(runId)).at(-1)).toMatchObject({
    failure: { code: "provider_stalled" },
  });
});

describe("another provider", () => {
  test("that takes a run over is asked the same, and begins again in the middle of a call", async () => {
    const first = await add("first");
    const { runId, finished } = await begin(first);
    const broken = await first.scripted.nextRequest();
    broken.say("Let me see.");
    broken.call(call(0, "time"));
    broken.call(more(0, '{"zo'));
    await eventually("the piece", async () => (await callsOf(runId))[0]?.given === '{"zo');
    broken.cut();
    await finished;
    const [moved] = workers.added;
    if (!moved) throw new Error("it did not move");
    expect(moved).toMatchObject({ ...asked, provider: "second", anew: false });
    const second = await add("second");
    const taken = executeRun(moved, second);
    const stream = await second.scripted.nextRequest();
    expect(stream.body).toMatchObject(ASKED);
    expect(stream.body).not.toHaveProperty("continue_final_message");
    stream.call(call(0, "time"));
    stream.call(more(0, "{}"));
    stream.finish();
    await taken;
    expect(await callsOf(runId)).toEqual([{ name: "time", given: "{}" }]);
  });

  test("that is hedged with is asked the same, and answers with a call", async () => {
    const first = await add("first", { hedgeAfterMs: 50 });
    const { runId, finished } = await begin(first);
    await first.scripted.nextRequest();
    const hedge = await eventually("the hedge", () => workers.added[0]);
    const second = await add("second");
    const hedged = executeRun(hedge, second);
    const stream = await second.scripted.nextRequest();
    expect(stream.body).toMatchObject(ASKED);
    stream.call(call(0, "time"));
    await eventually("the call", async () => (await callsOf(runId)).length === 1);
    stream.call(more(0, "{}"));
    stream.finish();
    await Promise.all([hedged, finished]);
    const started = (await workers.entries(runId)).filter(({ type }) => type === "started");
    expect(started).toMatchObject([{ provider: "first" }, { provider: "second" }]);
    expect((await workers.entries(runId)).at(-1)).toMatchObject({ finish: "tool_calls" });
  });
});

test.each([
  ["a run that nobody reads is given up", false, { type: "cancelled", reason: "orphaned" }],
  ["a run in the background goes on all the same", true, { type: "completed", finish: "stop" }],
])("%s", async (_, background, last) => {
  const first = await add("first");
  const { runId, finished } = await begin(first, { background, fallback: [] });
  const stream = await first.scripted.nextRequest();
  const talking = setInterval(() => stream.say("."), 10);
  const startedAt = performance.now();
  await eventually("three times as long as a run may be unheard", async () => {
    return performance.now() - startedAt > 300 || (await isOver(runId));
  });
  clearInterval(talking);
  stream.finish();
  await finished;
  expect((await workers.entries(runId)).at(-1)).toMatchObject(last);
});

const isOver = async (runId: string) => (await workers.entries(runId)).at(-1)?.type === "cancelled";
