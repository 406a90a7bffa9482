/** Runs whose provider, answer or Redis goes wrong while the worker is at it. */
import { RunReleasedError } from "@openclaw/queue";
import { createLogger } from "@openclaw/runtime";
import { eventually, FaultyRedis } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { CANCELLED, LATER, TestWorkers } from "../testing/test-workers.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import { executeRun } from "./execute-run.ts";
import { RunHandedBackError } from "./let-go.ts";

let workers: TestWorkers;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"));
});

afterEach(() => workers.stop());

describe("a run that goes wrong ends in one failure", () => {
  test.each([
    ["first_token_timeout", { firstTokenMs: 100 }, "silence"],
    ["provider_stalled", { stallMs: 100 }, "one piece"],
    ["run_timeout", { totalMs: 300, stallMs: 200 }, "pieces for ever"],
  ] as const)("%s", async (code, timeouts, behaviour) => {
    const worker = await workers.add("mine", { timeouts });
    const { runId, finished } = await workers.begin(worker);
    const stream = await worker.scripted.nextRequest();
    if (behaviour !== "silence") stream.say("piece");
    const talking = setInterval(() => behaviour === "pieces for ever" && stream.say("."), 20);
    await finished;
    clearInterval(talking);
    expect((await workers.entries(runId)).at(-1)).toMatchObject({
      type: "failed",
      failure: { code },
    });
    await stream.closed;
  });

  test("comments and empty deltas are no progress", async () => {
    const worker = await workers.add("mine", { timeouts: { firstTokenMs: 150 } });
    const { runId, finished } = await workers.begin(worker);
    const stream = await worker.scripted.nextRequest();
    const talking = setInterval(() => {
      stream.raw(": keep-alive\n\n");
      stream.say("");
    }, 20);
    await finished;
    clearInterval(talking);
    expect((await workers.entries(runId)).at(-1)).toMatchObject({
      failure: { code: "first_token_timeout" },
    });
  });

  test("an answer beyond the log's limit ends as too large, never as complete", async () => {
    const narrow = await TestWorkers.start(inject("redisUrl"), { maxLogBytes: 1_000 });
    onTestFinished(() => narrow.stop());
    const worker = await narrow.add("mine");
    const { runId, finished } = await narrow.begin(worker);
    const stream = await worker.scripted.nextRequest();
    const talking = setInterval(() => stream.say("x".repeat(400)), 5);
    await finished;
    clearInterval(talking);
    const all = await narrow.entries(runId);
    expect(all.at(-1)).toMatchObject({ type: "failed", failure: { code: "answer_too_large" } });
    expect(all.filter(({ type }) => ["completed", "failed"].includes(type))).toHaveLength(1);
  });
});

test("a run whose log lost entries is handed back to the queue instead of spliced", async () => {
  const worker = await workers.add("mine");
  const { runId, finished } = await workers.begin(worker);
  const stream = await worker.scripted.nextRequest();
  stream.say("one");
  await eventually("the text", async () => (await workers.textOf(runId)) === "one");
  // What a Redis that came back without its last second of writes looks like.
  await workers.stream.commands.hset(workers.stream.keys.record(runId), "seq", 0);
  stream.say("two");
  await expect(finished).rejects.toThrow(RunHandedBackError);
  await stream.closed;
});

test("a worker that leaves releases its run, which has cost nothing", async () => {
  const worker = await workers.add("mine");
  const { runId, job, finished } = await workers.begin(worker);
  for (let round = 0; round < 5; round += 1) {
    const attempt = round === 0 ? finished : executeRun(job, worker);
    const stream = await worker.scripted.nextRequest();
    stream.say("so far");
    const said = async () => (await workers.textOf(runId)).length === 6 * (round + 1);
    await eventually("the text", said);
    await Promise.all([worker.attempts.stop(), expect(attempt).rejects.toThrow(RunReleasedError)]);
    await stream.closed;
  }
  const last = executeRun(job, worker);
  const stream = await worker.scripted.nextRequest();
  stream.say("whole");
  stream.finish();
  await last;
  expect((await workers.entries(runId)).at(-1)).toMatchObject({ type: "completed" });
});

test("a run that loses worker after worker is ended, and named in the log", async () => {
  const lines: string[] = [];
  const log = createLogger({ service: "t", level: "error" }, { write: (line) => lines.push(line) });
  const hasty = await TestWorkers.start(inject("redisUrl"), { heldMs: 0 });
  onTestFinished(() => hasty.stop());
  const worker = { ...(await hasty.add("mine")), log, maxLost: 2 };
  const { runId, job, finished } = await hasty.begin(worker);
  // Each of them stands still from then on: what it claimed the next one takes.
  const lost = [finished];
  await worker.scripted.nextRequest();
  lost.push(executeRun(job, { ...worker, attempts: new ActiveAttempts() }));
  await worker.scripted.nextRequest();
  await executeRun(job, { ...worker, attempts: new ActiveAttempts() });
  expect((await hasty.entries(runId)).at(-1)).toMatchObject({
    type: "failed",
    failure: { code: "attempts_exhausted", message: expect.stringContaining("2 workers") },
  });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { msg: "run given up, its workers were lost", runId, provider: "mine", workers: 2 },
  ]);
  await Promise.allSettled(lost);
});

test("a fire-hose provider is paused while Redis does not take its text", async () => {
  // A Redis of its own, since the fault stops it for every user.
  const redis = await FaultyRedis.start();
  onTestFinished(() => redis.stop());
  const options = { maxLogBytes: 1e6, giveUpMs: 5_000 };
  const stalled = await TestWorkers.start(redis.directUrl, options);
  onTestFinished(() => stalled.stop());
  const worker = await stalled.add("mine");
  const { runId, finished } = await stalled.begin(worker);
  const stream = await worker.scripted.nextRequest();
  stream.say("start");
  await eventually("the text", async () => (await stalled.textOf(runId)) === "start");
  await stalled.stream.commands.call("CLIENT", "PAUSE", "1500", "WRITE");
  // The kernel's buffers take some; without a pause the worker would take all of it.
  const written = await stream.flood({ megabytes: 64, forMs: 1_200 });
  expect(written).toBeLessThan(24);
  await stalled.stream.records.end(runId, CANCELLED).catch(() => undefined);
  worker.attempts.onBatch([{ runId, position: LATER, entry: CANCELLED }]);
  await finished.catch(() => undefined);
});
