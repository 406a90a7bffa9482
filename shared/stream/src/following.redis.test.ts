/** What a reader of a run gets, even if messages to it are lost or late, against a real Redis. */
import { eventually, FaultyRedis } from "@openclaw/testing";
import { Packr } from "msgpackr";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { encodeEntry } from "./entry.ts";
import { Script } from "./script.ts";
import type { TestEdge } from "./testing/test-edge.ts";
import {
  COMPLETED,
  createTestStream,
  expectInOrder,
  pieces,
  type TestStream,
} from "./testing/test-stream.ts";

let stream: TestStream;

const seen = (edge: TestEdge, runId: string) => ({
  text: () => edge.text(runId),
  ended: () => edge.ended(runId),
});

beforeEach(async () => {
  stream = await createTestStream(inject("redisUrl"));
});

afterEach(() => stream.close());

describe("following", () => {
  test("an edge that takes over at a random moment misses nothing and gets nothing twice", async () => {
    const first = await stream.startEdge();
    for (let round = 0; round < 40; round += 1) {
      const runId = await stream.createRun({ edge: first.node });
      first.follow(runId);
      const { writer } = await stream.beginAttempt(runId);
      const texts = pieces(60, `r${round}-`);
      const late = await stream.startEdge();
      const joinAt = Math.floor(Math.random() * texts.length);
      let joined: Promise<unknown> = Promise.resolve();
      for (const [index, text] of texts.entries()) {
        writer.write({ type: "text", text });
        if (index === joinAt) {
          late.follow(runId);
          joined = stream.records
            .watch(runId, { node: late.node, session: "s" })
            .then(() => late.followers.get(runId)?.refill());
        }
        if (Math.random() < 0.3) await new Promise(setImmediate);
      }
      await writer.end(COMPLETED);
      await joined;
      await eventually("both ends", () => first.ended(runId) && late.ended(runId));
      expect(late.text(runId)).toBe(texts.join(""));
      expect(first.text(runId)).toBe(texts.join(""));
      expectInOrder(late.got.get(runId) ?? []);
    }
  });

  test("what a later release writes of one run keeps nothing from its reader, nor from those beside it", async () => {
    const edge = await stream.startEdge();
    const runs = await Promise.all([1, 2].map(() => stream.createRun({ edge: edge.node })));
    const epochs = await Promise.all(runs.map((runId) => stream.claimed(runId)));
    for (const runId of runs) edge.follow(runId);
    const { commands, keys } = stream;
    const packr = new Packr();
    const later = [packr.pack([99, "?"]), encodeEntry({ type: "text", text: "read" })];
    const part = (index: number, closes: string, payloads: readonly Buffer[]) => [
      ...[runs[index] ?? "", epochs[index] ?? 0, 1, payloads.length, 0, closes],
      ...payloads,
    ];
    const done = encodeEntry(COMPLETED);
    await new Script("append").run(
      commands,
      runs.flatMap((runId) => [keys.record(runId), keys.log(runId)]),
      [
        ...[keys.channelPrefix(0), 1e6, 60_000],
        ...part(0, "completed", [...later, done]),
        ...part(1, "completed", [...later.slice(1), done]),
      ],
    );
    const late = await stream.startEdge();
    for (const runId of runs) late.follow(runId).refill();
    for (const { text, ended } of [edge, late].flatMap((one) => runs.map((id) => seen(one, id)))) {
      await eventually("the end", ended);
      expect(text()).toBe("read");
    }
  });

  test("a run is unknown to another session", async () => {
    const runId = await stream.createRun();
    expect(await stream.records.watch(runId, { node: "n", session: "other" })).toEqual({
      outcome: "unknown",
    });
    expect(await stream.records.watch(runId, { node: "n", session: "s" })).toMatchObject({
      outcome: "watching",
      state: "queued",
    });
  });

  test("resumes behind the position it already has", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const { writer } = await stream.beginAttempt(runId);
    for (const text of ["a", "b", "c", "d"]) {
      writer.write({ type: "text", text });
      await eventually("the piece", () => edge.text(runId).endsWith(text));
    }
    await writer.end(COMPLETED);
    const other = await stream.startEdge();
    other.follow(runId, { epoch: writer.epoch, seq: 2 }).refill();
    await eventually("the end", () => other.ended(runId));
    expect(other.text(runId)).toBe("cd");
  });

  test("a reader that pauses is caught up from the log when it resumes", async () => {
    const edge = await stream.startEdge();
    edge.pausedAfter = 3;
    const runId = await stream.createRun({ edge: edge.node });
    const follower = edge.follow(runId);
    const { writer } = await stream.beginAttempt(runId);
    const texts = pieces(50);
    for (const text of texts) {
      writer.write({ type: "text", text });
      await new Promise(setImmediate);
    }
    await writer.end(COMPLETED);
    await eventually("the pause", () => edge.got.get(runId)?.length === 3);
    edge.pausedAfter = Number.POSITIVE_INFINITY;
    follower.resume();
    await eventually("the end", () => edge.ended(runId));
    expect(edge.text(runId)).toBe(texts.join(""));
  });

  test("messages lost on the way are filled from the log", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    const follower = edge.follow(runId);
    const { writer } = await stream.beginAttempt(runId);
    edge.followers.delete(runId);
    writer.write({ type: "text", text: "unheard " });
    await eventually(
      "the append",
      async () => (await stream.commands.xlen(stream.keys.log(runId))) === 2,
    );
    edge.followers.set(runId, follower);
    writer.write({ type: "text", text: "heard" });
    await writer.end(COMPLETED);
    await eventually("the end", () => edge.ended(runId));
    expect(edge.text(runId)).toBe("unheard heard");
  });

  test("a subscription cut by Redis is made again, and what it missed is filled", async () => {
    // A Redis of its own, for the test cuts every connection.
    const redis = await FaultyRedis.start();
    onTestFinished(() => redis.stop());
    const own = await createTestStream(redis.directUrl);
    onTestFinished(() => own.close());
    const edge = await own.startEdge();
    const runId = await own.createRun({ edge: edge.node });
    edge.follow(runId);
    const { writer } = await own.beginAttempt(runId);
    await own.commands.client("KILL", "TYPE", "pubsub");
    const texts = pieces(20);
    for (const text of texts) writer.write({ type: "text", text });
    await writer.end(COMPLETED);
    await eventually("the end", () => edge.ended(runId));
    expect(edge.text(runId)).toBe(texts.join(""));
  });

  test("a subscription that is silently dead is found by its probe and replaced", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    // Redis forgets the subscription while the socket stays open: alive to TCP, deaf in truth.
    await edge.subscribers[0]?.sunsubscribe();
    await eventually("the alarm", () => !edge.subscription.alive, { withinMs: 8_000 });
    await eventually("the repair", () => edge.subscription.alive, { withinMs: 8_000 });
    const { writer } = await stream.beginAttempt(runId);
    writer.write({ type: "text", text: "hello" });
    await eventually("the text", () => edge.text(runId) === "hello");
  });
});
