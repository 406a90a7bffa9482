/** Two providers for one run: which of them answers, and that the other is left. */
import type { RunJob } from "@openclaw/queue";
import { createLogger } from "@openclaw/runtime";
import { Subscription } from "@openclaw/stream";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { AttemptCounts } from "../telemetry/attempt-counts.ts";
import type { ScriptedStream } from "../testing/scripted-provider.ts";
import { type TestWorker, TestWorkers } from "../testing/test-workers.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import { executeRun } from "./execute-run.ts";

let workers: TestWorkers;
let late: TestWorker;
let quick: TestWorker;
let subscription: Subscription;
let counts: AttemptCounts;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"), { heldMs: 300 });
  // One process, which serves both providers.
  const attempts = new ActiveAttempts();
  counts = new AttemptCounts();
  const process = { node: "worker-1", attempts, counts };
  late = { ...(await workers.add("late", { hedgeAfterMs: 100 })), ...process };
  quick = { ...(await workers.add("quick")), ...process };
  subscription = new Subscription({
    createSubscriber: () => workers.stream.subscriber(),
    commands: workers.stream.commands,
    keys: workers.stream.keys,
    node: process.node,
    log: createLogger({ service: "test", level: "silent" }),
    onBatch: (batch) => attempts.onBatch(batch),
    onRestored: () => attempts.onRestored(),
  });
  await subscription.start();
});

afterEach(async () => {
  await subscription.stop();
  await workers.stop();
});

/** Begins a run whose provider says nothing, and waits until the other is to be asked as well. */
async function beginLate() {
  const { runId, job, finished: first } = await workers.begin(late, { fallback: ["quick"] });
  const silent = await late.scripted.nextRequest();
  const hedge = await eventually("the hedge", () => workers.added[0]);
  return { runId, job, first, silent, hedge };
}

/** A worker takes the hedge and asks. */
async function take(hedge: RunJob) {
  const second = executeRun(hedge, quick);
  second.catch(() => undefined);
  return { second, stream: await quick.scripted.nextRequest() };
}

/** The attempts and their text, in the order of the log. */
const told = async (runId: string) =>
  (await workers.entries(runId)).map((entry) =>
    entry.type === "started" ? entry.provider : entry.type === "text" ? entry.text : entry.type,
  );

test("who speaks first answers: the late one is left at once, and its job is done", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  expect(hedge).toMatchObject({ runId, provider: "quick", fallback: [] });
  const { second, stream } = await take(hedge);
  stream.say("hello");
  await silent.closed;
  await first;
  // Its text is in the log by then: what follows is a piece of its own.
  await eventually("the text", async () => (await told(runId)).includes("hello"));
  stream.say(" there");
  stream.finish();
  await second;
  expect(await told(runId)).toEqual(["late", "quick", "hello", " there", "completed"]);
  expect(counts.takeTotals()).toMatchObject({ "attempts:hedged": 1, "attempts:hedge_won": 1 });
});

test("the first one speaks in time after all: the hedge is left at once", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  silent.say("late but whole");
  await stream.closed;
  await second;
  silent.finish();
  await first;
  expect(await told(runId)).toEqual(["late", "late but whole", "completed"]);
  expect(counts.takeTotals()).toMatchObject({ "attempts:hedge_lost": 1 });
});

describe("a first one that fails in a way that may pass, with retries,", () => {
  beforeEach(async () => {
    const { node, attempts } = late;
    const retried = await workers.add("late", { hedgeAfterMs: 100, retries: 1 });
    late = { ...retried, node, attempts, counts };
  });

  /** As a server does that is overloaded while it thinks. */
  const fail = (stream: ScriptedStream) => {
    stream.raw('data: {"error":{"code":500,"message":"internal error"}}\n\n');
  };

  test("leaves its hedge alone, which answers", async () => {
    const { runId, first, silent, hedge } = await beginLate();
    const { second, stream } = await take(hedge);
    fail(silent);
    const again = await late.scripted.nextRequest();
    stream.say("hello");
    stream.finish();
    await again.closed;
    await Promise.all([first, second]);
    expect(await told(runId)).toEqual(["late", "quick", "hello", "completed"]);
    expect(counts.takeTotals()).toMatchObject({ "attempts:hedge_won": 1 });
  });

  test("is asked again beside its hedge, and may answer; nobody is asked as well a second time", async () => {
    const { runId, first, silent, hedge } = await beginLate();
    const { second, stream } = await take(hedge);
    fail(silent);
    const again = await late.scripted.nextRequest();
    const before = performance.now();
    await eventually("the time of another hedge", () => performance.now() - before > 300);
    again.say("at last");
    await stream.closed;
    again.finish();
    await Promise.all([first, second]);
    expect(await told(runId)).toEqual(["late", "at last", "completed"]);
    expect(workers.added).toHaveLength(1);
    expect(counts.takeTotals()).toMatchObject({ "attempts:hedged": 1, "attempts:hedge_lost": 1 });
  });

  test("is asked as often as its retries say, and then the run goes on without it", async () => {
    const { first, silent, hedge } = await beginLate();
    const { second, stream } = await take(hedge);
    fail(silent);
    fail(await late.scripted.nextRequest());
    await first;
    await stream.closed;
    await second;
    expect(late.scripted.requests).toBe(2);
    expect(workers.added.map(({ provider, hedges }) => [provider, hedges])).toEqual([
      ["quick", hedge.hedges],
      ["quick", undefined],
    ]);
  });

  test("is asked no more once its hedge has won while it waits", async () => {
    const { first, silent, hedge } = await beginLate();
    const { second, stream } = await take(hedge);
    // It waits for 10 s.
    const random = vi.spyOn(Math, "random").mockReturnValue(50);
    onTestFinished(() => random.mockRestore());
    const before = performance.now();
    fail(silent);
    await silent.closed;
    stream.say("hello");
    stream.finish();
    await Promise.all([first, second]);
    expect(performance.now() - before).toBeLessThan(9_000);
    expect(late.scripted.requests).toBe(1);
  });

  test("without a hedge goes over its queue, and is not hedged the second time either", async () => {
    const { job, finished } = await workers.begin(late, { fallback: ["quick"] });
    fail(await late.scripted.nextRequest());
    await expect(finished).rejects.toMatchObject({ code: "run_postponed" });
    const second = executeRun(job, late);
    const again = await late.scripted.nextRequest();
    const before = performance.now();
    await eventually("the time of a hedge", () => performance.now() - before > 300);
    again.say("at last");
    again.finish();
    await second;
    expect(workers.added).toEqual([]);
  });
});

test("a run that was cancelled meanwhile takes both with it", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  await workers.stream.records.end(runId, { type: "cancelled", reason: "client" });
  await Promise.all([silent.closed, stream.closed, first, second]);
  expect(await told(runId)).toEqual(["late", "cancelled"]);
});

test("a hedge that comes when the matter is decided asks nobody", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  silent.say("in time");
  await eventually("the text", async () => (await told(runId)).includes("in time"));
  await executeRun(hedge, quick);
  expect(quick.scripted.requests).toBe(0);
  silent.finish();
  await first;
});

test("a hedge that fails leaves the first to answer", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  stream.finish();
  await second;
  silent.say("still here");
  silent.finish();
  await first;
  expect(await told(runId)).toEqual(["late", "still here", "completed"]);
  expect(counts.takeTotals()).toMatchObject({ "attempts:hedge_failed": 1 });
});

test("the worker of a hedge dies after it had won: whoever is offered the job goes on with the run", async () => {
  const { runId, first, hedge } = await beginLate();
  // As that worker left it.
  const won = await workers.stream.records.claim({
    runId,
    lease: "of the dead",
    worker: "worker-2",
    maxAttempts: 2,
    maxLost: 5,
    started: { type: "started", provider: "quick", model: "m" },
    exhausted: { type: "cancelled", reason: "client" },
    lost: { type: "cancelled", reason: "client" },
    overdue: { type: "cancelled", reason: "client" },
    ...(hedge.hedges !== undefined && { hedges: hedge.hedges }),
  });
  expect(won.outcome).toBe("claimed");
  await first;
  const again = () => executeRun(hedge, quick);
  await expect(again()).rejects.toMatchObject({ code: "run_postponed" });
  await eventually("the claim to be forgotten", async () => {
    const outcome = await Promise.race([
      again().then(
        () => "done",
        () => "held",
      ),
      quick.scripted.nextRequest().then((stream) => {
        stream.say("whole");
        stream.finish();
        return "asked";
      }),
    ]);
    return outcome === "asked";
  });
  await eventually("the end", async () => (await told(runId)).at(-1) === "completed");
  expect((await told(runId)).slice(-3)).toEqual(["quick", "whole", "completed"]);
});

test("a hedge that loses at its claim is left, and measured as a request that nobody wanted", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  const { records } = workers.stream;
  const claim = records.claim.bind(records);
  vi.spyOn(records, "claim").mockImplementation(async (asked) => {
    // The first one speaks while the claim is on its way.
    silent.say("late but whole");
    await eventually("its text", async () => (await told(runId)).includes("late but whole"));
    return claim(asked);
  });
  stream.say("hello");
  await second;
  await stream.closed;
  silent.finish();
  await first;
  expect(await told(runId)).toEqual(["late", "late but whole", "completed"]);
  const requests = "gen_ai_client_operation_duration_seconds_count";
  const measured = await workers.measured();
  expect(measured.sum(requests, { outcome: "cancelled" })).toBe(1);
  expect(measured.sum(requests)).toBe(2);
});

test("a claim that Redis does not answer closes what was begun", async () => {
  const { hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  vi.spyOn(workers.stream.records, "claim").mockRejectedValue(new Error("no answer"));
  stream.say("hello");
  await expect(second).rejects.toThrow("no answer");
  await stream.closed;
});

test("a later attempt is not hedged: another model would hardly say what the user has already", async () => {
  const { job, first, silent } = await beginLate();
  workers.added.length = 0;
  silent.say("some text");
  await eventually("the text", async () => (await told(job.runId)).includes("some text"));
  silent.cut();
  await first.catch(() => undefined);
  const moved = workers.added[0];
  if (!moved) throw new Error("it did not move");
  expect(moved).toMatchObject({ provider: "quick" });
  workers.added.length = 0;
  const second = executeRun({ ...moved, fallback: ["late"] }, quick);
  const stream = await quick.scripted.nextRequest();
  stream.say("some text and more");
  stream.finish();
  await second;
  expect(workers.added).toEqual([]);
});
