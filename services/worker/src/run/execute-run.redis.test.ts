/** A run as the worker works on it, and who else may end it or take it over: real Redis, a real HTTP provider. */
import { randomUUID } from "node:crypto";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { CANCELLED, LATER, type TestWorker, TestWorkers } from "../testing/test-workers.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import { executeRun } from "./execute-run.ts";

let workers: TestWorkers;
let worker: TestWorker;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"));
  worker = await workers.add("mine");
});

afterEach(() => workers.stop());

test("writes started, the text as it comes, and completed with what was measured", async () => {
  const { runId, finished } = await workers.begin(worker);
  const stream = await worker.scripted.nextRequest();
  stream.say("Hello ");
  await eventually(
    "the first piece in the log",
    async () => (await workers.textOf(runId)) === "Hello ",
  );
  stream.say("world");
  stream.finish();
  await finished;
  expect(await workers.textOf(runId)).toBe("Hello world");
  const all = await workers.entries(runId);
  expect(all[0]).toEqual({ type: "started", provider: "mine", model: "m" });
  expect(all.at(-1)).toMatchObject({
    type: "completed",
    finish: "stop",
    timings: { connection: "cold", requestSentMs: expect.any(Number) },
  });
  expect(all.filter(({ type }) => type === "completed")).toHaveLength(1);
});

describe("whoever else ends or takes the run stops the provider", () => {
  test("a cancel that is heard closes the upstream at once", async () => {
    const { runId, finished } = await workers.begin(worker);
    const stream = await worker.scripted.nextRequest();
    stream.say("Hello");
    await eventually("the text", async () => (await workers.textOf(runId)) === "Hello");
    await workers.stream.records.end(runId, CANCELLED);
    const cancelledAt = performance.now();
    worker.attempts.onBatch([{ runId, position: LATER, entry: CANCELLED }]);
    await stream.closed;
    // Silence tells of it too, after a second.
    expect(performance.now() - cancelledAt).toBeLessThan(900);
    await finished;
    expect((await workers.entries(runId)).at(-1)?.type).toBe("cancelled");
  });

  test("a cancel that overtakes the answer to the claim closes the upstream all the same", async () => {
    const runId = randomUUID();
    worker.attempts.onBatch([{ runId, position: LATER, entry: CANCELLED }]);
    const { finished } = await workers.begin(worker, { runId });
    await finished;
    expect((await workers.entries(runId)).map(({ type }) => type)).toEqual(["started"]);
    await workers.stream.records.end(runId, CANCELLED);
  });

  test("a cancel whose message was lost does so after some silence", async () => {
    const { runId, finished } = await workers.begin(worker);
    const stream = await worker.scripted.nextRequest();
    await workers.stream.records.end(runId, CANCELLED);
    const cancelledAt = performance.now();
    await stream.closed;
    expect(performance.now() - cancelledAt).toBeLessThan(10_000);
    await finished;
  });

  test("another worker's claim does, and nothing of the old attempt is written after it", async () => {
    const { runId, job, finished } = await workers.begin(worker);
    const old = await worker.scripted.nextRequest();
    old.say("old ");
    await eventually("the old text", async () => (await workers.textOf(runId)) === "old ");
    const second = executeRun(job, {
      ...worker,
      node: "worker-2",
      attempts: new ActiveAttempts(),
    });
    const fresh = await worker.scripted.nextRequest();
    old.say("STALE");
    await old.closed;
    await finished;
    fresh.say("new");
    fresh.finish();
    await second;
    expect(await workers.textOf(runId)).toBe("old new");
    expect(worker.counts.takeTotals()).toEqual({ "attempts:fenced": 1, "attempts:finished": 1 });
  });

  test("a run that has ended is not even asked of the provider", async () => {
    const { runId, job, finished } = await workers.begin(worker);
    const stream = await worker.scripted.nextRequest();
    stream.say("x");
    stream.finish();
    await finished;
    await executeRun(job, worker);
    expect(worker.scripted.requests).toBe(1);
    expect((await workers.entries(runId)).filter(({ type }) => type === "started")).toHaveLength(1);
  });

  test("a run is tried no third time, and ends in an error", async () => {
    const job = await workers.failed(worker, 2);
    await executeRun(job, worker);
    expect((await workers.entries(job.runId)).at(-1)).toMatchObject({
      failure: { code: "attempts_exhausted" },
    });
    expect(worker.scripted.requests).toBe(0);
  });
});
