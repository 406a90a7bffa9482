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
    expect([moved(), worker.speaker.requests]).toEqual([["other"], 0]);
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
    expect([moved(), worker.speaker.requests]).toEqual([["other"], 0]);
  });

  test("a dead attempt's run does not wait for the end of its rest: the next one has it", async () => {
    open("provider_rate_limited");
    const { runId, job, finished } = await workers.begin(worker, { fallback: ["other"] });
    await worker.speaker.nextRequest();
    worker.provider.health.rest("provider_rate_limited", 9_000);
    // Offered again, as by a worker that was killed.
    await executeRun(job, { ...worker, attempts: new ActiveAttempts() });
    expect(moved()).toEqual(["other"]);
    expect((await workers.entries(runId)).at(-1)).toEqual({ type: "moved", provider: "other" });
    await finished;
  });

  test("one that lost a run twice gives it to the next, and ends it where there is none", async () => {
    for (const fallback of [["other"], []]) {
      open("provider_rate_limited");
      worker = { ...worker, maxAttempts: 5 };
      const { runId, job } = await workers.begin(worker, { fallback });
      await worker.speaker.nextRequest();
      const again = { ...worker, attempts: new ActiveAttempts() };
      void executeRun(job, again);
      await worker.speaker.nextRequest();
      await executeRun(job, again);
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
    const stream = await worker.speaker.nextRequest();
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
    expect([worker.speaker.requests, (await workers.entries(runId)).length]).toEqual([0, 0]);
  });

  test("a refused account is given up on once it was looked at again", async () => {
    open("provider_auth");
    // The key is still refused when the worker looks.
    worker.speaker.refuses = () => true;
    worker.speaker.refusalStatus = 401;
    await eventually("the look", () => worker.speaker.requests > 0);
    const closed = await eventually("the end of all doubt", () => {
      const now = worker.provider.health.closed;
      return now?.forMs === undefined ? now : undefined;
    });
    expect(closed).toEqual({ code: "provider_auth" });
    const asked = worker.speaker.requests;
    const { runId, finished } = await workers.begin(worker);
    await finished;
    expect((await workers.entries(runId)).at(-1)).toMatchObject({
      failure: { code: "provider_auth", message: expect.stringContaining("not asked") },
    });
    expect(worker.speaker.requests - asked).toBeLessThanOrEqual(1);
  });
});
