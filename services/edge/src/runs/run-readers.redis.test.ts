/** Readers that come back, runs without a reader, and runs that need none. */
import { randomUUID } from "node:crypto";
import { ERROR_CODES } from "@openclaw/protocol";
import { BEGINNING, DueRuns, type Position } from "@openclaw/stream";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import type { Answer } from "../answers/answer.ts";
import { OverdueRuns } from "../cluster/overdue-runs.ts";
import { NotingAnswer, TestEdge } from "../testing/test-edge.ts";
import { log, NODE } from "../testing/test-runs.ts";

let edge: TestEdge;

beforeEach(async () => {
  edge = await TestEdge.open(inject("redisUrl"));
});

afterEach(() => edge.close());

describe("a run whose messages reach an edge without a reader", () => {
  test("is left, so that its worker finds no listener", async () => {
    const { run } = edge.start();
    await edge.queued();
    // As after an outage in which its end could not be announced.
    edge.runs.remove(run);
    const writer = await edge.attempt(run.runId);
    await eventually("the leaving", async () => {
      writer.write({ type: "text", text: "x" });
      return (await edge.records.watchers(run.runId)).length === 0;
    });
    await edge.records.end(run.runId, { type: "cancelled", reason: "client" });
  });

  test("is abandoned with a dead edge in its record, and not with a living edge", async () => {
    for (const [other, isGivenUp] of [
      ["edge-dead", true],
      ["edge-elsewhere", false],
    ] as const) {
      const { run, answer } = edge.start();
      await edge.queued();
      const writer = await edge.attempt(run.runId);
      await edge.records.watch(run.runId, { node: other, session: "s" });
      writer.write({ type: "text", text: "x" });
      await eventually("the text", () => answer.text === "x");
      edge.readers.keepFor(run, 50);
      // Checked twice: the other edge may just not have reported yet.
      const end = eventually("the end", () => run.isEnded, { withinMs: 5_000 });
      if (isGivenUp) await end;
      else await expect(end).rejects.toThrow();
      run.cancel("client");
    }
  });

  test("is left after a resume from a position nobody wrote", async () => {
    const { runId } = await edge.elsewhere();
    const refused = await edge.resumer.resume({
      runId,
      session: "s",
      after: { epoch: 2 ** 40, seq: 1 },
      answer: new NotingAnswer(),
      onResumed: () => undefined,
      onEnded: () => undefined,
    });
    expect(refused).toBe("ahead");
    await eventually("the leaving", async () => (await edge.records.watchers(runId)).length === 1);
    await edge.records.end(runId, { type: "cancelled", reason: "client" });
  });
});

describe("a run that this edge ends", () => {
  /** A run that ends here and is announced, with another edge in its record. */
  async function endBeside(other: string) {
    edge.limit({ queueTimeoutMs: 200 });
    const { run, answer } = edge.start();
    await edge.queued();
    await edge.records.watch(run.runId, { node: other, session: "s" });
    await eventually("the end here", () => answer.terminals[0]);
    await edge.settled();
    const { waiting } = await edge.queues.counts("mine");
    return { runId: run.runId, waiting, status: await edge.records.status(run.runId) };
  }

  test("goes on if another edge reads it: this edge may have been cut off", async () => {
    const { runId, waiting, status } = await endBeside("edge-elsewhere");
    expect([status?.state, waiting]).toEqual(["queued", 1]);
    // So the last of all readers ends the run.
    expect(await edge.records.watchers(runId)).toEqual(["edge-elsewhere"]);
    // The cancel of its client ends the run for every reader.
    expect(await edge.ender.cancel(runId, "s")).toBe("cancelled");
    await edge.settled();
    expect((await edge.queues.counts("mine")).waiting).toBe(0);
  });

  test("ends if the other edge is dead: a worker would answer no client", async () => {
    const { waiting, status } = await endBeside("edge-dead");
    expect([status?.state, waiting]).toEqual(["failed", 0]);
  });

  test("ends for every reader when its client cancels it", async () => {
    const { run } = edge.start();
    await edge.queued();
    await edge.records.watch(run.runId, { node: "edge-elsewhere", session: "s" });
    run.cancel("client");
    await edge.settled();
    expect((await edge.records.status(run.runId))?.state).toBe("cancelled");
  });
});

describe("how long a run may take", () => {
  test("goes into the record: it covers the whole chain, of which later readers know one provider", async () => {
    const { run } = edge.start();
    await edge.queued();
    const watched = await edge.records.watch(run.runId, { node: NODE, session: "s" });
    const { queueMs, totalMs } = { queueMs: 30_000, totalMs: 120_000 };
    const all = 2 * (queueMs + totalMs) + 10_000;
    const leftMs = watched.outcome === "watching" ? watched.leftMs : undefined;
    expect(leftMs).toBeGreaterThan(all - 5_000);
    expect(leftMs).toBeLessThanOrEqual(all);
    run.cancel("client");
  });

  test("holds for a reader that came later, however late, and does not count as stuck", async () => {
    const runId = await edge.fixture.createRun({ edge: "edge-dead", totalMs: -60_000 });
    const answer = new NotingAnswer();
    const request = { runId, answer, after: BEGINNING };
    await edge.resumer.resume({
      ...request,
      onResumed: () => undefined,
      onEnded: () => undefined,
    });
    await eventually("the end", () => answer.terminals[0]);
    expect(answer.terminals).toMatchObject([{ failure: { code: "run_timeout" } }]);
    expect(edge.stuck).toBe(0);
  });
});

test("a run that outlived the most watchers that it may have is followed by the next edge", async () => {
  const { runId } = await edge.elsewhere();
  const resume = () =>
    edge.resumer.resume({
      runId,
      session: "s",
      after: BEGINNING,
      answer: new NotingAnswer(),
      onResumed: () => undefined,
      onEnded: () => undefined,
    });
  // The edge where the run began is one of the 16 watchers.
  for (let life = 0; life < 14; life += 1) {
    await edge.records.watch(runId, { node: `edge-alive-${life}`, session: "s" });
  }
  await edge.records.watch(runId, { node: "edge-dead-1", session: "s" });
  expect(await resume()).not.toBe("too_many_readers");
  expect(await edge.records.watchers(runId)).not.toContain("edge-dead-1");
  await edge.records.unwatch(runId, NODE);
  await edge.records.watch(runId, { node: "edge-alive-15", session: "s" });
  expect(await resume()).toBe("too_many_readers");
  await edge.records.end(runId, { type: "cancelled", reason: "client" });
});

test("as many as 256 read a run on one edge at once, and one more when another has left", async () => {
  const { runId } = await edge.elsewhere();
  const resume = () =>
    edge.resumer.resume({
      runId,
      after: BEGINNING,
      answer: new NotingAnswer(),
      onResumed: () => undefined,
      onEnded: () => undefined,
    });
  const all = await Promise.all(Array.from({ length: 264 }, resume));
  const taken = all.flatMap((run) => (typeof run === "string" ? [] : [run]));
  expect(taken).toHaveLength(256);
  expect(all.filter((run) => run === "too_many_readers")).toHaveLength(8);
  expect(await resume()).toBe("too_many_readers");
  // Its client may come back, and needs room to do so.
  const [first] = taken;
  if (first) edge.readers.keepFor(first, 60_000);
  expect(await resume()).not.toBe("too_many_readers");
  expect(await resume()).toBe("too_many_readers");
  await edge.records.end(runId, { type: "cancelled", reason: "client" });
});

test("readers that come and go at once are bounded as well", async () => {
  const { runId } = await edge.elsewhere();
  let refused = 0;
  for (let reader = 0; reader < 516; reader += 1) {
    const run = await edge.resumer.resume({
      runId,
      after: BEGINNING,
      answer: new NotingAnswer(),
      onResumed: () => undefined,
      onEnded: () => undefined,
    });
    if (typeof run === "string") refused += 1;
    else edge.readers.keepFor(run, 300_000);
  }
  expect(refused).toBe(4);
  expect(edge.runs.readers(runId)).toBe(512);
  await edge.records.end(runId, { type: "cancelled", reason: "client" });
});

test("a run with two readers here ends for one of them, and with the last for all", async () => {
  const { run, answer } = edge.start();
  await edge.queued();
  const other = new NotingAnswer();
  const second = await edge.resumer.resume({
    runId: run.runId,
    session: "s",
    after: BEGINNING,
    answer: other,
    onResumed: () => undefined,
    onEnded: () => undefined,
  });
  if (typeof second === "string") throw new Error(second);
  run.cancel("interrupted");
  expect(answer.terminals).toHaveLength(1);
  await edge.settled();
  expect([(await edge.records.status(run.runId))?.state, other.terminals]).toEqual(["queued", []]);
  second.cancel("interrupted");
  await edge.settled();
  expect((await edge.records.status(run.runId))?.state).toBe("cancelled");
});

test("a run that has waited elsewhere waits here for the rest of its time", async () => {
  edge.limit({ queueTimeoutMs: 4_000 });
  const { runId } = await edge.elsewhere();
  const queuedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const answer = new NotingAnswer();
  await edge.resumer.resume({
    runId,
    session: "s",
    after: BEGINNING,
    answer,
    onResumed: () => undefined,
    onEnded: () => undefined,
  });
  await eventually("the end", () => answer.terminals[0]);
  expect(answer.terminals).toMatchObject([{ failure: { code: "queue_timeout" } }]);
  // If the time began again, it would be 7 s.
  expect(performance.now() - queuedAt).toBeLessThan(6_500);
  await edge.records.end(runId, { type: "cancelled", reason: "client" });
});

describe("a background run", () => {
  const resume = (runId: string, answer: Answer, after: Position = BEGINNING) =>
    edge.resumer.resume({
      runId,
      after,
      answer,
      onResumed: () => undefined,
      onEnded: () => undefined,
    });

  test("is a background run to its worker and to its readers", async () => {
    const taken = await edge.takeJobs();
    const { run } = edge.start(undefined, true);
    await eventually("the job", () => taken.get(run.runId)?.background);
    const watched = await edge.records.watch(run.runId, { node: NODE });
    expect(watched).toMatchObject({ session: "s", dueInMs: expect.any(Number) });
    run.cancel("client");
  });

  test("ends at its deadline, which a reader that came back too late gets with the whole answer", async () => {
    const runId = randomUUID();
    await edge.records.create({
      runId,
      edge: "edge-dead",
      provider: "mine",
      session: "s",
      dueInMs: 1,
    });
    const answer = new NotingAnswer();
    await resume(runId, answer);
    await eventually("the end", () => answer.terminals[0]);
    expect(answer.terminals).toMatchObject([
      {
        type: "failed",
        failure: { code: "run_timeout", message: ERROR_CODES.run_timeout.message },
      },
    ]);
    const ended = await eventually("its announcement", async () => {
      const status = await edge.records.status(runId);
      return status?.state === "failed" ? status : undefined;
    });
    expect(await resume(runId, new NotingAnswer(), ended.position)).toBe("nothing_left");
    await eventually(
      "the leaving",
      async () => !(await edge.records.watchers(runId)).includes(NODE),
    );
  });

  test("whose edge died is ended by the other edges once it is overdue, with or without a look-up", async () => {
    const due = new DueRuns(edge.fixture.commands, edge.keys);
    const create = (runId: string, dueInMs: number) =>
      edge.records.create({ runId, edge: "edge-dead", provider: "mine", session: "s", dueInMs });
    const [late, ended, later] = [randomUUID(), randomUUID(), randomUUID()];
    await create(late, 1);
    await create(ended, 1);
    await create(later, 60_000);
    await edge.records.end(ended, { type: "cancelled", reason: "client" });
    await eventually("both to be due", async () => (await due.overdue()).length === 2);
    const watch = new OverdueRuns({
      due,
      status: (runId) => edge.records.status(runId),
      end: (runId, provider) => edge.ender.endOverdue(runId, provider),
      log,
    });
    await watch.look();
    expect((await edge.records.status(late))?.state).toBe("failed");
    expect((await edge.records.status(ended))?.state).toBe("cancelled");
    expect((await edge.records.status(later))?.state).toBe("queued");
    expect(await due.overdue()).toEqual([]);
    await edge.records.end(later, { type: "cancelled", reason: "client" });
  });

  test("is ended by the edge that finds it overdue", async () => {
    const { run, answer } = edge.start(undefined, true);
    await edge.queued();
    await edge.ender.endOverdue(run.runId, "mine");
    expect(await edge.records.status(run.runId)).toMatchObject({ state: "failed" });
    await eventually("the end", () => answer.terminals[0]);
    expect(answer.terminals).toMatchObject([{ failure: { code: "run_timeout" } }]);
    await eventually(
      "an empty queue",
      async () => (await edge.queues.counts("mine")).waiting === 0,
    );
  });
});
