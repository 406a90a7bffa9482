/** How an attempt learns that its run is no longer its own to write, against a real Redis. */
import { randomUUID } from "node:crypto";
import { createCommandConnection, createLogger } from "@openclaw/runtime";
import { eventually, TcpProxy } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { type AnsweredCall, Appender } from "./appender.ts";
import { BEGINNING } from "./position.ts";
import type { LossReason } from "./run-batch.ts";
import { CANCELLED, COMPLETED, createTestStream, type TestStream } from "./testing/test-stream.ts";

let stream: TestStream;

/** Made by a test, to be removed after it. */
const users: string[] = [];

/** A connection that may touch these keys alone. */
async function connectAs(...keys: readonly string[]) {
  const user = `confined-${randomUUID()}`;
  await stream.commands.acl("SETUSER", user, "on", "nopass", "+@all", "&*", ...keys);
  const redis = await stream.connect();
  await redis.call("AUTH", user, "any");
  users.push(user);
  return redis;
}

/** Longer than a command waits for its answer. */
const BEYOND_DEADLINE_MS = 2_300;

/** A connection whose answers can be made late. */
async function connectSlowly() {
  const { hostname: host, port } = new URL(stream.url);
  const network = await TcpProxy.start({ host, port: Number(port) });
  const log = createLogger({ service: "test", level: "silent" });
  const url = `redis://127.0.0.1:${network.port}`;
  const redis = createCommandConnection({ url, name: "test:slow", log });
  await redis.connect();
  onTestFinished(async () => {
    redis.disconnect();
    await network.stop();
  });
  return { network, redis };
}

beforeEach(async () => {
  stream = await createTestStream(inject("redisUrl"));
});

afterEach(async () => {
  if (users.length > 0) await stream.commands.acl("DELUSER", ...users.splice(0));
  await stream.close();
});

describe("appending", () => {
  test("a worker that lost its run cannot append a byte from the moment of the next claim", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const zombie = await stream.beginAttempt(runId);
    zombie.writer.write({ type: "text", text: "old " });
    await eventually("the old text", () => edge.text(runId) === "old ");

    const { writer } = await stream.beginAttempt(runId);
    zombie.writer.write({ type: "text", text: "STALE" });
    writer.write({ type: "text", text: "new" });
    await writer.end(COMPLETED);
    await eventually("the loss", () => zombie.losses.length > 0);
    await eventually("the terminal", () => edge.ended(runId));

    expect(zombie.losses).toEqual(["fenced"]);
    expect(edge.text(runId, zombie.writer.epoch)).toBe("old ");
    expect(edge.text(runId, writer.epoch)).toBe("new");
    expect(await zombie.writer.end(COMPLETED)).toBe("fenced");
    const sum = (of: (call: AnsweredCall) => number) =>
      stream.calls.reduce((all, c) => all + of(c), 0);
    expect([sum(({ fenced }) => fenced), sum(({ entries }) => entries)]).toEqual([1, 4]);
  });

  test("a cancelled run tells its writer with the next append, and takes no more text", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const { writer, losses } = await stream.beginAttempt(runId);
    writer.write({ type: "text", text: "before" });
    await eventually("the text", () => edge.text(runId) === "before");
    expect(await stream.records.end(runId, CANCELLED)).toBe("ended");
    expect(await stream.records.end(runId, CANCELLED)).toBe("already");
    writer.write({ type: "text", text: "after" });
    await eventually("the loss", () => losses.length > 0);
    expect(losses).toEqual(["ended"]);
    expect(edge.text(runId)).toBe("before");
    expect(edge.got.get(runId)?.filter(({ entry }) => entry.type === "cancelled")).toHaveLength(1);
  });

  test("a silent writer learns of a cancel within two seconds even without a message", async () => {
    const runId = await stream.createRun();
    const { losses } = await stream.beginAttempt(runId);
    await stream.records.end(runId, CANCELLED);
    await eventually("the loss", () => losses.length > 0, { withinMs: 2_000 });
    expect(losses).toEqual(["ended"]);
  });

  test("a silent writer whose last pieces Redis forgot is told of a gap, and is not heard of any more", async () => {
    const runId = await stream.createRun();
    const record = stream.keys.record(runId);
    const { writer, losses } = await stream.beginAttempt(runId);
    const say = async (text: string) => {
      writer.write({ type: "text", text });
      await writer.flush();
    };
    await say("kept");
    const before = await stream.commands.hgetall(record);
    await say("forgotten");
    await stream.forget(runId, before);
    await eventually("the loss", () => losses.length > 0, { withinMs: 2_000 });
    expect(losses).toEqual(["gap"]);
    expect(await stream.commands.hget(record, "heard_at")).toBe(before.heard_at);
  });

  test("the worker of a run hears at once when the run is ended by somebody else", async () => {
    const worker = await stream.startEdge("w1");
    const runId = await stream.createRun();
    await stream.beginAttempt(runId);
    worker.follow(runId);
    await stream.records.end(runId, CANCELLED);
    await eventually("the notice", () => worker.ended(runId), { withinMs: 500 });
  });

  test("an unknown run is answered as such", async () => {
    const losses: LossReason[] = [];
    const writer = stream.appender.open({
      runId: "nobody",
      epoch: 1,
      onLost: (reason) => losses.push(reason),
    });
    writer.write({ type: "text", text: "x" });
    await eventually("the loss", () => losses.length > 0);
    expect(losses).toEqual(["unknown"]);
  });

  test("a run that nobody hears is given up after the grace period, one with an edge, or that goes on unread, is not", async () => {
    const edge = await stream.startEdge();
    const [heard, unheard] = [
      await stream.createRun({ edge: edge.node }),
      await stream.createRun({ edge: "gone" }),
    ];
    const unread = await stream.createRun({ edge: "gone" });
    const patient = new Appender(stream.commands, stream.keys, { orphanGraceMs: 200 });
    const losses: string[] = [];
    const writers = await Promise.all(
      [heard, unheard, unread].map(async (runId) => {
        const epoch = await stream.claimed(runId);
        const onLost = (why: LossReason) => losses.push(`${runId} ${why}`);
        return patient.open({ runId, epoch, goesOnUnread: runId === unread, onLost });
      }),
    );
    const startedAt = performance.now();
    await eventually("the loss", () => {
      for (const writer of writers) writer.write({ type: "text", text: "x" });
      return losses.length > 0;
    });
    expect(performance.now() - startedAt).toBeGreaterThan(200);
    expect(losses).toEqual([`${unheard} orphaned`]);
    expect(await writers[1]?.end({ type: "cancelled", reason: "orphaned" })).toBe("appended");
  });

  test("a run is not given up as unheard for calls that were repeated because their answers were late", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const { network, redis } = await connectSlowly();
    // After one more answer without a subscriber, the run would be abandoned.
    const hasty = new Appender(redis, stream.keys, { orphanGraceMs: 0 });
    const losses: LossReason[] = [];
    const epoch = await stream.claimed(runId);
    const writer = hasty.open({ runId, epoch, onLost: (why) => losses.push(why) });
    for (const text of ["a", "b", "c"]) {
      const heard = edge.text(runId).length;
      network.latencyMs = BEYOND_DEADLINE_MS;
      writer.write({ type: "text", text });
      await eventually("the text", () => edge.text(runId).length > heard);
      network.latencyMs = 0;
      await writer.flush();
    }
    expect(losses).toEqual([]);
    expect(edge.text(runId)).toBe("abc");
  });

  test.each(
    ["seq", "epoch", "bytes"].flatMap((field) =>
      ["nan", "inf", "-inf", "1e300", "0.5", "many", ""].map((value) => [field, value] as const),
    ),
  )(
    "a record whose %s is '%s' loses its run alone, at once, with nothing written",
    async (field, value) => {
      const [runId, neighbour] = [await stream.createRun(), await stream.createRun()];
      const [spoilt, whole] = [
        await stream.beginAttempt(runId),
        await stream.beginAttempt(neighbour),
      ];
      await stream.commands.hset(stream.keys.record(runId), field, value);
      for (const { writer } of [spoilt, whole]) writer.write({ type: "text", text: "said" });
      await eventually("the loss", () => spoilt.losses.length);
      expect(spoilt.losses).toEqual(["broken"]);
      expect(spoilt.writer.fault?.message).toBe(
        `the field ${field} of ${stream.keys.record(runId)} is no whole number`,
      );
      expect(await stream.commands.xlen(stream.keys.log(runId))).toBe(1);
      expect([await whole.writer.end(COMPLETED), whole.losses]).toEqual(["appended", []]);
    },
  );

  test.each(["record", "log"] as const)(
    "a run whose %s is no longer what it was is lost alone, and at once",
    async (what) => {
      const edge = await stream.startEdge();
      const runs = [
        await stream.createRun({ edge: edge.node }),
        await stream.createRun({ edge: edge.node }),
      ];
      for (const runId of runs) edge.follow(runId);
      const [broken, neighbour] = await Promise.all(
        runs.map((runId) => stream.beginAttempt(runId)),
      );
      await stream.commands.set(
        stream.keys[what](runs[0] ?? ""),
        "no hash, no stream",
        "PX",
        60_000,
      );
      broken?.writer.write({ type: "text", text: "lost" });
      neighbour?.writer.write({ type: "text", text: "heard" });
      await eventually("the neighbour's text", () => edge.text(runs[1] ?? "") === "heard");
      await eventually("the loss", () => broken?.losses.length);
      expect(broken?.losses).toEqual(["broken"]);
      expect(broken?.writer.fault?.message).toMatch(/^WRONGTYPE/);
      expect(neighbour?.losses).toEqual([]);
      // One call for both, which was not repeated.
      expect(stream.calls.filter(({ entries }) => entries > 0)).toMatchObject([{ entries: 2 }]);
    },
  );

  test("a call that Redis refuses as a whole for one of its runs is made for each by itself", async () => {
    const runs = [await stream.createRun(), await stream.createRun()];
    const [forbidden = "", allowed = ""] = runs;
    const { keys } = stream;
    const redis = await connectAs(
      ...[keys.record(allowed), keys.log(allowed)].map((key) => `~${key}`),
    );
    const confined = new Appender(redis, keys);
    const losses = new Map<string, LossReason>();
    for (const runId of runs) {
      const epoch = await stream.claimed(runId);
      const writer = confined.open({ runId, epoch, onLost: (why) => losses.set(runId, why) });
      writer.write({ type: "text", text: "x" });
    }
    await eventually("the loss", () => losses.size > 0);
    await eventually("the text", async () => (await stream.entries(allowed)).length === 2);
    expect([...losses]).toEqual([[forbidden, "broken"]]);
  });

  test("an end on its way is not given up because nobody heard what came before it", async () => {
    const patient = new Appender(stream.commands, stream.keys, { orphanGraceMs: 0 });
    const runId = await stream.createRun({ edge: "gone" });
    const losses: LossReason[] = [];
    const epoch = await stream.claimed(runId);
    const writer = patient.open({ runId, epoch, onLost: (why) => losses.push(why) });
    writer.write({ type: "text", text: "a" });
    const read = async () => (await stream.records.read(runId, BEGINNING))?.entries.length;
    await eventually("the first piece", async () => (await read()) === 2);
    // The piece is in flight while the end is added behind it.
    writer.write({ type: "text", text: "b" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await writer.end(COMPLETED)).toBe("appended");
    expect(losses).toEqual([]);
  });
});
