/** Attempts that go on with what the one before them has said. */
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import type { ScriptedStream } from "../testing/scripted-provider.ts";
import { CANCELLED, type TestWorker, TestWorkers, textIn } from "../testing/test-workers.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import { executeRun } from "./execute-run.ts";

let workers: TestWorkers;
let worker: TestWorker;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"));
  worker = await workers.add("mine", { continueFromPartial: true });
});

afterEach(() => workers.stop());

describe("an attempt that continues the one before it", () => {
  /** The first attempt says this much, and then another worker takes the run. */
  async function takenOver(said: string) {
    const { runId, job, finished } = await workers.begin(worker);
    const first = await worker.scripted.nextRequest();
    first.say(said);
    const whole = said.replace(/[\ud800-\udbff]$/, "");
    await eventually("the text", async () => (await workers.textOf(runId)) === whole);
    const second = executeRun(job, { ...worker, attempts: new ActiveAttempts() });
    return { runId, job, first, finished: Promise.all([finished, second]) };
  }

  const messages = (partial: string) => [
    { role: "user", content: "hi" },
    { role: "assistant", content: partial },
  ];

  const lastText = async (runId: string) => textIn(await workers.lastAttempt(runId));

  test("gives its provider the text so far and writes all of it", async () => {
    const { runId, finished } = await takenOver("Hello wor");
    const stream = await worker.scripted.nextRequest();
    expect(stream.body).toMatchObject({
      messages: messages("Hello wor"),
      continue_final_message: true,
      add_generation_prompt: false,
    });
    stream.say("ld");
    stream.finish();
    await finished;
    expect(await lastText(runId)).toBe("Hello world");
    expect((await workers.entries(runId)).at(-1)).toMatchObject({ type: "completed" });
  });

  test("half a character is not part of it", async () => {
    const { runId, finished } = await takenOver("Hello \ud83d");
    const stream = await worker.scripted.nextRequest();
    expect(stream.body).toMatchObject({ messages: messages("Hello") });
    stream.say(" 😀");
    stream.finish();
    await finished;
    expect(await lastText(runId)).toBe("Hello 😀");
  });

  test("may find that nothing was left to say", async () => {
    const { runId, finished } = await takenOver("All of it.");
    (await worker.scripted.nextRequest()).finish();
    await finished;
    expect(await lastText(runId)).toBe("All of it.");
    expect((await workers.entries(runId)).at(-1)).toMatchObject({
      type: "completed",
      finish: "stop",
    });
  });

  test("begins again, at once, where the provider refuses to continue", async () => {
    const isContinuation = (body: unknown) => JSON.stringify(body).includes("continue_final");
    worker.scripted.refuses = isContinuation;
    const { runId, finished } = await takenOver("Hello wor");
    const stream = await worker.scripted.nextRequest();
    expect(worker.scripted.requests).toBe(3);
    expect(isContinuation(stream.body)).toBe(false);
    stream.say("Good day");
    stream.finish();
    await finished;
    expect(await lastText(runId)).toBe("Good day");
  });

  test("continues what was continued", async () => {
    const { runId, job, finished } = await takenOver("Hello ");
    const stream = await worker.scripted.nextRequest();
    stream.say(" wor");
    await eventually("the text", async () => (await lastText(runId)) === "Hello wor");
    const third = executeRun(job, { ...worker, attempts: new ActiveAttempts() });
    const last = await worker.scripted.nextRequest();
    expect(last.body).toMatchObject({ messages: messages("Hello wor") });
    last.say("ld");
    last.finish();
    await Promise.all([finished, third]);
    expect(await lastText(runId)).toBe("Hello world");
  });

  test("is told with the moved run whether it may, by how the one before it failed", async () => {
    const failures = [
      (stream: ScriptedStream) => stream.cut(),
      (stream: ScriptedStream) => stream.raw("data: nonsense\n\n"),
    ];
    for (const fail of failures) {
      const { runId, finished } = await workers.begin(worker, { fallback: ["other"] });
      const stream = await worker.scripted.nextRequest();
      stream.say("Hello");
      await eventually("the text", async () => (await workers.textOf(runId)) === "Hello");
      fail(stream);
      await finished;
    }
    expect(workers.added.map(({ anew }) => anew)).toEqual([false, true]);
  });

  test("is none where nobody knows any more why the run moved", async () => {
    const { runId, job, finished } = await workers.begin(worker);
    (await worker.scripted.nextRequest()).say("Hello");
    await eventually("the text", async () => (await workers.textOf(runId)) === "Hello");
    const epoch = Number(
      await workers.stream.commands.hget(workers.stream.keys.record(runId), "epoch"),
    );
    await workers.stream.records.move({ runId, epoch, from: "mine", provider: "other" });
    await executeRun(job, worker);
    expect(workers.added).toEqual([{ ...job, provider: "other", anew: true }]);
    await workers.stream.records.end(runId, CANCELLED);
    await finished;
  });

  test("is none where the provider is not configured to continue", async () => {
    worker = await workers.add("mine");
    const { runId, finished } = await takenOver("Hello");
    const stream = await worker.scripted.nextRequest();
    expect(stream.body).toMatchObject({ messages: [{ role: "user" }] });
    stream.say("Hi");
    stream.finish();
    await finished;
    expect(await lastText(runId)).toBe("Hi");
  });
});
