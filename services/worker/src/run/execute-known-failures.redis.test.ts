/** Runs that come to a worker when it knows already that their provider will fail. */
import type { ErrorCode } from "@openclaw/protocol";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { CANCELLED, type TestWorker, TestWorkers } from "../testing/test-workers.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import { executeRun } from "./execute-run.ts";

let workers: TestWorkers;
let worker: TestWorker;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"));
  worker = await workers.add("mine");
});

afterEach(() => workers.stop());

describe("a provider that is known to fail", () => {
  /** Where runs were put instead. */
  const moved = () => workers.added.map(({ provider }) => provider);

  function open(code: ErrorCode): void {
    for (let n = 0; n < 5; n += 1) worker.provider.health.failed(code);
  }

  test("is not asked: the next one has the run, and no attempt is spent", async () => {
    open("provider_error");
    await eventually("the circuit", () => worker.provider.health.closed);
    const { runId, finished } = await workers.begin(worker, { fallback: ["other"] });
    await finished;
    expect([moved(), worker.scripted.requests]).toEqual([["other"], 0]);
    const [entry] = await workers.entries(runId);
    expect(entry).toEqual({ type: "moved", provider: "other" });
    expect(await workers.stream.commands.hget(workers.stream.keys.record(runId), "attempts")).toBe(
      "0",
    );
  });

  test("nor is a run spent on it that another one had before", async () => {
    open("provider_error");
    await eventually("the circuit", () => worker.provider.health.closed);
    const runId = await workers.stream.createRun({ provider: "first" });
    const claim = await workers.stream.claim(runId, {
      started: { type: "started", provider: "first", model: "m" },
    });
    if (claim.outcome !== "claimed") throw new Error(claim.outcome);
    await workers.stream.records.move({
      runId,
      epoch: claim.epoch,
      from: "first",
      provider: "mine",
    });
    const messages = [{ role: "user" as const, content: "hi" }];
    await executeRun(
      { runId, session: "s", provider: "mine", messages, fallback: ["other"] },
      worker,
    );
    expect([moved(), worker.scripted.requests]).toEqual([["other"], 0]);
  });

  test("a dead attempt's run does not wait for the end of its rest: the next one has it", async () => {
    open("provider_rate_limited");
    const { runId, job, finished } = await workers.begin(worker, { fallback: ["other"] });
    await worker.scripted.nextRequest();
    worker.provider.health.rest("provider_rate_limited", 9_000);
    // Offered again, as by a worker that was killed.
    await executeRun(job, { ...worker, attempts: new ActiveAttempts() });
    expect(moved()).toEqual(["other"]);
    expect((await workers.entries(runId)).at(-1)).toEqual({ type: "moved", provider: "other" });
    await finished;
  });

  test("one that failed a run twice gives it to the next, and ends it where there is none", async () => {
    for (const fallback of [["other"], []]) {
      open("provider_rate_limited");
      worker = { ...worker, maxAttempts: 5 };
      const job = await workers.failed(worker, 2, { fallback });
      const { runId } = job;
      await executeRun(job, worker);
      expect(moved()).toEqual(fallback);
      expect((await workers.entries(runId)).at(-1)).toMatchObject(
        fallback.length > 0
          ? { type: "moved" }
          : { type: "failed", failure: { code: "attempts_exhausted" } },
      );
      await workers.stream.records.end(runId, CANCELLED);
      workers.added.length = 0;
    }
  });

  test("is asked all the same where nobody else can be", async () => {
    open("provider_error");
    await eventually("the circuit", () => worker.provider.health.closed);
    const { runId, finished } = await workers.begin(worker);
    const stream = await worker.scripted.nextRequest();
    stream.say("after all");
    stream.finish();
    await finished;
    expect((await workers.entries(runId)).at(-1)?.type).toBe("completed");
  });

  test("an account that complained is not asked again while it rests; the run waits, unclaimed", async () => {
    open("provider_rate_limited");
    worker.provider.health.rest("provider_rate_limited", 2_000);
    const { runId, finished } = await workers.begin(worker);
    await expect(finished).rejects.toMatchObject({ code: "run_postponed" });
    expect([worker.scripted.requests, (await workers.entries(runId)).length]).toEqual([0, 0]);
  });
});

describe("a run that is refused in words that are the account's", () => {
  /** What runs ask; our own plain questions are refused apart from them. */
  let refusesRuns: boolean;
  let refusesQuestions: boolean;
  let questions: number;

  beforeEach(() => {
    [refusesRuns, refusesQuestions, questions] = [true, false, 0];
    worker.scripted.refusalStatus = 402;
    worker.scripted.refuses = (body) => {
      const isQuestion = JSON.stringify(body).includes('"Hi"');
      if (isQuestion) questions += 1;
      return isQuestion ? refusesQuestions : refusesRuns;
    };
  });

  test("goes to the next provider, and the next run is served by the same one as ever", async () => {
    const refused = await workers.begin(worker, { fallback: ["other"] });
    await refused.finished;
    expect(workers.added).toMatchObject([{ provider: "other" }]);
    await eventually("a question of our own", () => questions === 1);
    const question = await worker.scripted.nextRequest();
    refusesRuns = false;
    const next = await workers.begin(worker, { fallback: ["other"] });
    // The question is still open, and no run waits for its answer.
    const stream = await worker.scripted.nextRequest();
    question.finish();
    stream.say("as ever");
    stream.finish();
    await next.finished;
    expect((await workers.entries(next.runId)).at(-1)?.type).toBe("completed");
    expect(workers.added).toHaveLength(1);
  });

  test("ends with what it was refused for where there is no next one", async () => {
    const { runId, finished } = await workers.begin(worker);
    await finished;
    expect((await workers.entries(runId)).at(-1)).toMatchObject({
      type: "failed",
      failure: { code: "provider_quota", message: expect.stringContaining("HTTP 402") },
    });
  });

  test("spares later runs once a plain question was refused as well: they move, or fail unasked", async () => {
    refusesQuestions = true;
    await (await workers.begin(worker)).finished;
    await eventually("the confirmation", () => worker.provider.health.closed);
    const asked = worker.scripted.requests - questions;
    const moved = await workers.begin(worker, { fallback: ["other"] });
    const lonely = await workers.begin(worker);
    await Promise.all([moved.finished, lonely.finished]);
    expect(workers.added).toMatchObject([{ runId: moved.runId, provider: "other" }]);
    expect((await workers.entries(lonely.runId)).at(-1)).toMatchObject({
      failure: { code: "provider_quota", message: expect.stringContaining("not asked") },
    });
    expect(worker.scripted.requests - questions).toBe(asked);
  });

  test("leads to no question where the request alone is at fault, whatever is said", async () => {
    worker.scripted.refusalStatus = 422;
    for (let n = 0; n < 12; n += 1) await (await workers.begin(worker)).finished;
    expect([questions, worker.provider.health.report()]).toEqual([0, { state: "available" }]);
  });
});
