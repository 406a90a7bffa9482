/** What the scripts keep of a run besides its log, against a real Redis. */
import { randomUUID } from "node:crypto";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { Appender } from "./appender.ts";
import type { TerminalEntry } from "./entry.ts";
import { StreamKeys } from "./keys.ts";
import { DEFAULT_RETENTION, RunRecords } from "./run-records.ts";
import type { RunWriter } from "./run-writer.ts";

const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1 },
};

let fixture: RedisFixture;
let keys: StreamKeys;
let records: RunRecords;
let appender: Appender;

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  keys = new StreamKeys({ prefix: fixture.prefix, partitions: 1 });
  records = new RunRecords(fixture.commands, keys, { ...DEFAULT_RETENTION, heldMs: 0 });
  appender = new Appender(await fixture.connect(), keys);
  await appender.start();
});

afterEach(async () => {
  await appender.stop();
  await fixture.close();
});

async function createRun(dueInMs?: number): Promise<string> {
  const runId = randomUUID();
  await records.create({ runId, edge: "e", provider: "nvidia1", session: "s", dueInMs });
  return runId;
}

async function openWriter(runId: string): Promise<RunWriter> {
  const claimed = await records.claim({
    runId,
    lease: randomUUID(),
    worker: "w",
    maxAttempts: 9,
    started: { type: "started", provider: "nvidia1", model: "m" },
    exhausted: { type: "cancelled", reason: "client" },
  });
  if (claimed.outcome !== "claimed") throw new Error(claimed.outcome);
  return appender.open({ runId, epoch: claimed.epoch, onLost: () => undefined });
}

async function statusOf(runId: string) {
  const status = await records.status(runId);
  if (!status) throw new Error("unknown");
  return status;
}

/** Later by the clock of Redis, so that what comes next is told apart. */
async function later(runId: string): Promise<void> {
  const { ageMs } = await statusOf(runId);
  await eventually("some time", async () => (await statusOf(runId)).ageMs >= ageMs + 5);
}

test("each step of a run is noted once, in their order and on one clock", async () => {
  const runId = await createRun();
  const queued = await statusOf(runId);
  expect(queued).toMatchObject({ state: "queued", provider: "nvidia1", attempts: 0 });
  expect([queued.startedMs, queued.firstPieceMs, queued.endedMs]).toEqual(Array(3).fill(undefined));
  expect(Math.abs(queued.createdAt - Date.now())).toBeLessThan(5_000);

  await later(runId);
  const lost = await openWriter(runId);
  lost.write({ type: "reasoning", text: "hm" });
  await lost.flush();
  const begun = await statusOf(runId);
  expect(begun.startedMs).toBeGreaterThanOrEqual(5);

  await later(runId);
  const writer = await openWriter(runId);
  writer.write({ type: "text", text: "yes" });
  await writer.flush();
  await later(runId);
  writer.write({ type: "text", text: "!" });
  await writer.end(COMPLETED);
  const ended = await statusOf(runId);
  expect(ended).toMatchObject({
    state: "completed",
    attempts: 2,
    position: { epoch: writer.epoch, seq: 3 },
    createdAt: queued.createdAt,
    // Of the attempt that was lost: from then on a user saw something.
    startedMs: begun.startedMs,
    firstPieceMs: begun.firstPieceMs,
  });
  expect(begun.firstPieceMs).toBeGreaterThanOrEqual(begun.startedMs ?? Number.NaN);
  expect(ended.endedMs).toBeGreaterThanOrEqual((begun.firstPieceMs ?? Number.NaN) + 10);
});

test("an end is no first piece, whoever writes it", async () => {
  const failed = await createRun();
  await (await openWriter(failed)).end({ type: "cancelled", reason: "orphaned" });
  const cancelled = await createRun();
  await records.end(cancelled, { type: "cancelled", reason: "client" });
  for (const runId of [failed, cancelled]) {
    const status = await statusOf(runId);
    expect(status).toMatchObject({ state: "cancelled", endedMs: expect.any(Number) });
    expect(status.firstPieceMs).toBeUndefined();
  }
});

test("a run that goes on unread has a time at which it must be over, which its readers are told", async () => {
  const [usual, background, late] = [
    await createRun(),
    await createRun(60_000),
    await createRun(1),
  ];
  await eventually("its time", async () => (await statusOf(late)).isOverdue);
  expect((await statusOf(usual)).isOverdue).toBe(false);
  expect((await statusOf(background)).isOverdue).toBe(false);
  const dueInMs = async (runId: string) => {
    const watched = await records.watch(runId, { node: "e" });
    return watched.outcome === "watching" ? watched.dueInMs : Number.NaN;
  };
  expect(await dueInMs(usual)).toBeUndefined();
  expect(await dueInMs(background)).toBeGreaterThan(50_000);
  expect(await dueInMs(late)).toBeLessThan(0);
  await records.end(late, { type: "cancelled", reason: "client" });
  expect((await statusOf(late)).isOverdue).toBe(false);
});

test("who knows a run's id may read and cancel it, who names a session only that session's", async () => {
  const runId = await createRun();
  expect(await records.watch(runId, { node: "n", session: "t" })).toEqual({ outcome: "unknown" });
  expect(await records.cancel(runId, "t")).toBe("unknown");
  expect(await records.watch(runId, { node: "n" })).toMatchObject({ session: "s" });
  expect(await records.cancel(runId)).toEqual({ outcome: "ended", provider: "nvidia1" });
  expect(await records.cancel(runId)).toBe("already");
  const unknown = randomUUID();
  expect(await records.cancel(unknown)).toBe("unknown");
  expect(await records.status(unknown)).toBeUndefined();
  expect(await records.watch(unknown, { node: "n" })).toEqual({ outcome: "unknown" });
});
