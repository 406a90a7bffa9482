/** A run from the edge's side: what its client gets, and what the cluster learns. */
import { randomUUID } from "node:crypto";
import { BEGINNING, RunRecords, type TerminalEntry } from "@openclaw/stream";
import { eventually, Scraped } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { NotingAnswer, TestEdge } from "../testing/test-edge.ts";

const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1, connection: "warm" },
};

let edge: TestEdge;

beforeEach(async () => {
  edge = await TestEdge.open(inject("redisUrl"));
});

afterEach(() => edge.close());

describe("a provider that cannot heed the options", () => {
  const stops = { stop: ["a", "b"] };

  test("is refused before the run begins, with the reason", () => {
    const refusal = edge.admission.refusal("glm", { options: stops });
    expect(refusal).toMatchObject({ code: "invalid_request", retryable: false });
    expect(refusal?.message).toMatch(/`stop` has 2 .*glm takes 1/);
    expect(edge.admission.refusal("glm", { options: { stop: ["a"] } })).toBeUndefined();
    expect(edge.admission.refusal("mine", { options: stops })).toBeUndefined();
  });

  test("is no fallback of the run", async () => {
    const taken = await edge.takeJobs();
    const runs = [edge.start(stops), edge.start({ stop: ["a"] }), edge.start()];
    await eventually("the jobs", () => taken.size === 3);
    const jobs = runs.map(({ run }) => taken.get(run.runId));
    expect(jobs.map((job) => job?.fallback)).toEqual([[], ["glm"], ["glm"]]);
    expect(jobs[0]?.options).toEqual(stops);
    for (const { run } of runs) run.cancel("client");
  });
});

test("a run is queued, followed and ended once", async () => {
  const { run, answer, ended } = edge.start();
  await edge.queued();
  const writer = await edge.attempt(run.runId);
  writer.write({ type: "text", text: "Hello" });
  await writer.end(COMPLETED);
  await eventually("the end", () => ended() === 1);
  expect(answer.text).toBe("Hello");
  expect(answer.terminals).toEqual([COMPLETED]);
  expect(edge.runs.count).toBe(0);
});

describe("a run whose log Redis has cut back, as after a restart with an older one", () => {
  /** A run whose reader is ahead of Redis. Its jobs are unchanged. */
  async function cutBack(hedged?: number) {
    const { run, answer } = edge.start();
    await edge.queued();
    const { commands } = edge.fixture;
    const record = edge.keys.record(run.runId);
    const writer = await edge.attempt(run.runId);
    const before = await commands.hgetall(record);
    writer.write({ type: "text", text: "Hello" });
    await eventually("the text", () => answer.text === "Hello");
    edge.appender.close(writer);
    await commands.del(record, edge.keys.log(run.runId));
    await commands.hset(record, before);
    if (hedged !== undefined) await commands.hset(record, "hedged", hedged);
    await commands.pexpire(record, 60_000);
    return { runId: run.runId, answer };
  }

  const LOST = { type: "failed", failure: { code: "unavailable" } };
  const job = (runId: string, hedges?: number) => ({
    ...{ runId, session: "s", provider: "glm", fallback: [], hedges },
    messages: [{ role: "user" as const, content: "hi" }],
  });

  test("is lost only if no queue has its job, or the job of the hedge that had won", async () => {
    const [plain, hedged, gone] = [await cutBack(), await cutBack(7), await cutBack()];
    await edge.queues.add(job(plain.runId));
    await edge.queues.add(job(hedged.runId, 7));
    await eventually("the loss", () => gone.answer.terminals.length > 0, { withinMs: 15_000 });
    expect(gone.answer.terminals).toMatchObject([LOST]);
    // The edge has checked each of them by then.
    const startedAt = performance.now();
    await eventually("some time", () => performance.now() - startedAt > 4_000);
    for (const { runId, answer } of [plain, hedged]) {
      expect(answer.terminals).toEqual([]);
      const writer = await edge.attempt(runId, "worker-2");
      writer.write({ type: "text", text: "Hello again" });
      await writer.end(COMPLETED);
      await eventually("the end", () => answer.terminals.length > 0);
      expect([answer.text, answer.terminals]).toEqual(["Hello again", [COMPLETED]]);
    }
    await edge.queues.remove("glm", plain.runId);
    await edge.queues.remove("glm", `${hedged.runId}-hedge-7`);
  });
});

describe("cancelling", () => {
  test("at any moment of the submission leaves no job, no open record, and tells the client once", async () => {
    for (let delay = 0; delay < 12; delay += 1) {
      const { run, answer } = edge.start();
      for (let turn = 0; turn < delay; turn += 1) await new Promise(setImmediate);
      run.cancel("client");
      expect(answer.terminals).toEqual([{ type: "cancelled", reason: "client" }]);
      await eventually("the cluster to know", async () => {
        const claim = await edge.records.read(run.runId, BEGINNING);
        const { waiting } = await edge.queues.counts("mine");
        return waiting === 0 && (!claim || claim.entries.at(-1)?.entry.type === "cancelled");
      });
    }
  });

  test("in mid-answer ends the log for every reader and drops what comes after", async () => {
    const { run, answer } = edge.start();
    await edge.queued();
    const writer = await edge.attempt(run.runId);
    writer.write({ type: "text", text: "one" });
    await eventually("the text", () => answer.text === "one");
    run.cancel("client");
    writer.write({ type: "text", text: "two" });
    expect(await writer.end(COMPLETED)).toBe("ended");
    expect(answer.text).toBe("one");
    expect(answer.terminals).toHaveLength(1);
    expect(await edge.lastOfLog(run.runId)).toEqual({ type: "cancelled", reason: "client" });
  });
});

test("a provider's own limit for waiting is kept", async () => {
  const answer = new NotingAnswer();
  edge.starter.begin({
    session: "s",
    messages: [{ role: "user", content: "hi" }],
    provider: "hasty",
    answer,
    onEnded: () => undefined,
  });
  await eventually("the end", () => answer.terminals.length === 1);
  expect(answer.terminals[0]).toMatchObject({ failure: { code: "queue_timeout" } });
  await eventually("an empty queue", async () => (await edge.queues.counts("hasty")).waiting === 0);
});

test("a run that no worker takes ends in time, and leaves the queue", async () => {
  edge.limit({ queueTimeoutMs: 200 });
  const { run, answer } = edge.start();
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 2_000 });
  expect(answer.terminals[0]).toMatchObject({
    failure: { code: "queue_timeout", retryable: true },
  });
  await eventually("an empty queue", async () => (await edge.queues.counts("mine")).waiting === 0);
  expect(await edge.lastOfLog(run.runId)).toMatchObject({ failure: { code: "queue_timeout" } });
});

test("a run that moved to another provider waits there as long as that one lets it", async () => {
  const { run, answer } = edge.start();
  await edge.queued();
  const { epoch, runId } = await edge.attempt(run.runId);
  const waiting = () => [...edge.runs.queued()].map(({ waitsFor }) => waitsFor);
  await eventually("the attempt", () => waiting().length === 0);
  await edge.records.move({ runId, epoch, from: "mine", provider: "hasty" });
  await eventually("the move", () => waiting().length === 1);
  expect(waiting()).toEqual(["hasty"]);
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 2_000 });
  expect(answer.terminals[0]).toMatchObject({
    failure: { code: "queue_timeout", message: expect.stringContaining("hasty") },
  });
});

test("an end whose message was lost is found in the log", async () => {
  const { run, answer, ended } = edge.start();
  await edge.queued();
  const writer = await edge.attempt(run.runId);
  writer.write({ type: "text", text: "all of it" });
  await eventually("the text", () => answer.text === "all of it");
  // From here on, nothing is published to this edge.
  await edge.fixture.commands.hset(edge.keys.record(run.runId), "edges", "edge-elsewhere");
  await writer.end(COMPLETED);
  await eventually("the end", () => ended() === 1, { withinMs: 4_000 });
  expect([answer.text, answer.terminals]).toEqual(["all of it", [COMPLETED]]);
});

test("a second attempt with the same text continues the answer", async () => {
  const { run, answer, ended } = edge.start();
  await edge.queued();
  const first = await edge.attempt(run.runId);
  first.write({ type: "text", text: "Hello wor" });
  await eventually("the text", () => answer.text === "Hello wor");
  const second = await edge.attempt(run.runId, "worker-2");
  second.write({ type: "text", text: "Hello " });
  second.write({ type: "text", text: "world!" });
  await second.end(COMPLETED);
  await eventually("the end", () => ended() === 1);
  expect([answer.text, answer.terminals]).toEqual(["Hello world!", [COMPLETED]]);
});

test("a second attempt that differs ends the answer, and its provider is stopped", async () => {
  const { run, answer } = edge.start();
  await edge.queued();
  const first = await edge.attempt(run.runId);
  first.write({ type: "text", text: "Hello world" });
  await eventually("the text", () => answer.text === "Hello world");
  const second = await edge.attempt(run.runId, "worker-2");
  second.write({ type: "text", text: "Hi there" });
  await eventually("the end", () => answer.terminals.length === 1);
  expect(answer.terminals[0]).toEqual({ type: "cancelled", reason: "interrupted" });
  expect(answer.text).toBe("Hello world");
  expect(await second.end(COMPLETED)).toBe("ended");
});

test("a run whose record is gone from Redis ends instead of waiting for ever", async () => {
  const { run, answer } = edge.start();
  await edge.queued();
  await edge.fixture.commands.del(edge.keys.record(run.runId));
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 8_000 });
  expect(answer.terminals[0]).toMatchObject({ failure: { code: "unavailable", retryable: true } });
});

test("with Redis away a request is refused at once, and one on its way ends within 5 s", async () => {
  const { answer } = edge.start();
  edge.fixture.commands.disconnect();
  const refusal = await eventually("the refusal", () => edge.admission.refusal("mine"));
  expect(refusal).toMatchObject({ code: "unavailable", retryable: true });
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 5_000 });
  expect(answer.terminals[0]).toMatchObject({ failure: { code: "unavailable" } });
  await edge.fixture.commands.connect();
});

test("a run for which Redis never answered is not ended here: another edge may have it by now", async () => {
  const elsewhere = new RunRecords(await edge.fixture.connect(), edge.keys);
  const [runId, answer] = [randomUUID(), new NotingAnswer()];
  edge.fixture.commands.disconnect();
  edge.starter.begin({
    runId,
    session: "s",
    messages: [{ role: "user", content: "hi" }],
    provider: "mine",
    answer,
    onEnded: () => undefined,
  });
  // Its client could not reach this edge either, and asked again.
  await elsewhere.create({ runId, edge: "edge-elsewhere", provider: "mine", session: "s" });
  await eventually("the end here", () => answer.terminals.length === 1, { withinMs: 5_000 });
  await edge.fixture.commands.connect();
  await edge.settled();
  expect((await elsewhere.status(runId))?.state).toBe("queued");
});

test("an id that another run has is refused, and does not count against the targets", async () => {
  const { runId } = await edge.elsewhere();
  const answer = new NotingAnswer();
  edge.starter.begin({
    runId,
    session: "another",
    messages: [{ role: "user", content: "hi" }],
    provider: "mine",
    answer,
    onEnded: () => undefined,
  });
  await eventually("the refusal", () => answer.terminals[0]);
  expect(answer.terminals).toMatchObject([{ failure: { code: "invalid_request" } }]);
  expect(edge.runs.count).toBe(0);
  expect(edge.stats.takeTotals()).toEqual({});
  const seen = new Scraped(await edge.metrics.read());
  expect(seen.sum("openclaw_refusals_total", { code: "invalid_request" })).toBe(1);
  expect(seen.sum("openclaw_run_errors_total")).toBe(0);
  expect(seen.sum("openclaw_target_runs_total")).toBe(0);
  expect(seen.sum("gen_ai_server_request_duration_seconds_count")).toBe(0);
  await edge.records.end(runId, { type: "cancelled", reason: "client" });
});

test.each([
  ["s", "cancelled"],
  ["another", "queued"],
])(
  "cancelled by %s before its id is known to be taken: the earlier run of s is then %s",
  async (session, state) => {
    const { runId } = await edge.elsewhere();
    const answer = new NotingAnswer();
    const run = edge.starter.begin({
      runId,
      session,
      messages: [{ role: "user", content: "hi" }],
      provider: "mine",
      answer,
      onEnded: () => undefined,
    });
    run.cancel("client");
    expect(answer.terminals).toEqual([{ type: "cancelled", reason: "client" }]);
    await eventually("what became of it", async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return (await edge.records.status(runId))?.state === state;
    });
    await edge.records.end(runId, { type: "cancelled", reason: "client" });
  },
);

test("a run whose job Redis refused ends here, and goes on for readers elsewhere", async () => {
  const { commands, prefix } = edge.fixture;
  await commands.set(`${prefix}{queue-mine}:runs:meta`, "no hash", "PX", 60_000);
  const { run, answer } = edge.start();
  await eventually("its record", async () => {
    const asked = { node: "edge-elsewhere", session: "s" };
    return (await edge.records.watch(run.runId, asked)).outcome === "watching";
  });
  await eventually("the end here", () => answer.terminals.length === 1, { withinMs: 6_000 });
  expect(answer.terminals[0]).toMatchObject({ failure: { code: "unavailable" } });
  await edge.settled();
  expect((await edge.records.status(run.runId))?.state).toBe("queued");
});

test("a run that this edge leaves while submitting goes on for a client that comes back elsewhere", async () => {
  const { run } = edge.start();
  for (const reader of edge.runs.of(run.runId)) reader.leave();
  await edge.queued();
  await edge.settled();
  expect((await edge.fixture.records.status(run.runId))?.state).toBe("queued");
  await edge.queues.remove("mine", run.runId);
});

test("over the limit of open runs a request is refused as overloaded", async () => {
  edge.limit({ maxRuns: 1 });
  edge.start();
  expect(edge.admission.refusal(undefined)).toMatchObject({ code: "overloaded", retryable: true });
});

test("a draining edge refuses, and names no provider it does not know", async () => {
  await edge.admission.drain();
  expect(edge.admission.refusal("mine")).toMatchObject({ code: "draining" });
  expect(edge.admission.refusal("toString")).toMatchObject({
    code: "unknown_provider",
    message: expect.stringContaining("mine"),
  });
});
