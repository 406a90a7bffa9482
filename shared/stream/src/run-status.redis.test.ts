/** What the scripts keep of a run besides its log, against a real Redis. */
import { randomUUID } from "node:crypto";
import { createStreamFixture, eventually, type StreamFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { CANCELLED, COMPLETED } from "./testing/test-stream.ts";

let stream: StreamFixture;

beforeEach(async () => {
  stream = await createStreamFixture(inject("redisUrl"));
});

afterEach(() => stream.close());

async function statusOf(runId: string) {
  const status = await stream.records.status(runId);
  if (!status) throw new Error("unknown");
  return status;
}

/** Later by the clock of Redis, so that what comes next is told apart. */
async function later(runId: string): Promise<void> {
  const { ageMs } = await statusOf(runId);
  await eventually("some time", async () => (await statusOf(runId)).ageMs >= ageMs + 5);
}

test("each step of a run is noted once, in their order and on one clock", async () => {
  const runId = await stream.createRun();
  const queued = await statusOf(runId);
  expect(queued).toMatchObject({ state: "queued", provider: "nvidia1", attempts: 0 });
  expect([queued.startedMs, queued.firstPieceMs, queued.endedMs]).toEqual(Array(3).fill(undefined));
  expect(Math.abs(queued.createdAt - Date.now())).toBeLessThan(5_000);

  await later(runId);
  const lost = await stream.openWriter(runId);
  lost.write({ type: "reasoning", text: "hm" });
  await lost.flush();
  const begun = await statusOf(runId);
  expect(begun.startedMs).toBeGreaterThanOrEqual(5);

  await later(runId);
  const writer = await stream.openWriter(runId);
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
  const failed = await stream.createRun();
  await (await stream.openWriter(failed)).end({ type: "cancelled", reason: "orphaned" });
  const cancelled = await stream.createRun();
  await stream.records.end(cancelled, CANCELLED);
  for (const runId of [failed, cancelled]) {
    const status = await statusOf(runId);
    expect(status).toMatchObject({ state: "cancelled", endedMs: expect.any(Number) });
    expect(status.firstPieceMs).toBeUndefined();
  }
});

test("a run that goes on unread has a time at which it must be over, which its readers are told", async () => {
  const [usual, background, late] = [
    await stream.createRun(),
    await stream.createRun({ dueInMs: 60_000 }),
    await stream.createRun({ dueInMs: 1 }),
  ];
  await eventually("its time", async () => (await statusOf(late)).isOverdue);
  expect((await statusOf(usual)).isOverdue).toBe(false);
  expect((await statusOf(background)).isOverdue).toBe(false);
  const dueInMs = async (runId: string) => {
    const watched = await stream.records.watch(runId, { node: "e" });
    return watched.outcome === "watching" ? watched.dueInMs : Number.NaN;
  };
  expect(await dueInMs(usual)).toBeUndefined();
  expect(await dueInMs(background)).toBeGreaterThan(50_000);
  expect(await dueInMs(late)).toBeLessThan(0);
  await stream.records.end(late, CANCELLED);
  expect((await statusOf(late)).isOverdue).toBe(false);
});

test("readers that come later are told how long a run may still take, whatever they would give it", async () => {
  const leftMs = async (runId: string) => {
    const watched = await stream.records.watch(runId, { node: "e" });
    return watched.outcome === "watching" ? watched.leftMs : Number.NaN;
  };
  const usual = await stream.createRun({ totalMs: 60_000 });
  expect(await leftMs(usual)).toBeGreaterThan(50_000);
  expect(await leftMs(usual)).toBeLessThanOrEqual(60_000);
  // The run still ends with its readers, and no other edge may end it.
  expect(await stream.records.watch(usual, { node: "e" })).toMatchObject({ dueInMs: undefined });
  const late = await stream.createRun({ totalMs: -1 });
  expect(await leftMs(late)).toBeLessThan(0);
  expect((await statusOf(late)).isOverdue).toBe(false);
  // As an edge of another version makes them.
  expect(await leftMs(await stream.createRun())).toBeUndefined();
  expect(await leftMs(await stream.createRun({ dueInMs: 60_000 }))).toBeGreaterThan(50_000);
});

test("who knows a run's id may read and cancel it, who names a session only that session's", async () => {
  const runId = await stream.createRun();
  expect(await stream.records.watch(runId, { node: "n", session: "t" })).toEqual({
    outcome: "unknown",
  });
  expect(await stream.records.cancel(runId, "t")).toBe("unknown");
  expect(await stream.records.watch(runId, { node: "n" })).toMatchObject({ session: "s" });
  expect(await stream.records.cancel(runId)).toEqual({ outcome: "ended", provider: "nvidia1" });
  expect(await stream.records.cancel(runId)).toBe("already");
  const unknown = randomUUID();
  expect(await stream.records.cancel(unknown)).toBe("unknown");
  expect(await stream.records.status(unknown)).toBeUndefined();
  expect(await stream.records.watch(unknown, { node: "n" })).toEqual({ outcome: "unknown" });
});

test("an end that is an edge's own leaves a run to the other edges that read it", async () => {
  const runId = await stream.createRun({ edge: "a" });
  await stream.records.watch(runId, { node: "b" });
  await stream.records.watch(runId, { node: "dead" });
  const end = (unreadBy: string[]) => stream.records.end(runId, CANCELLED, unreadBy);
  expect(await end(["a", "dead"])).toBe("read_elsewhere");
  expect((await statusOf(runId)).state).toBe("queued");
  await stream.records.unwatch(runId, "b");
  expect(await end(["a", "dead"])).toBe("ended");
  expect(await end(["a"])).toBe("already");
  expect(await stream.records.end(randomUUID(), CANCELLED, ["a"])).toBe("unknown");
});
