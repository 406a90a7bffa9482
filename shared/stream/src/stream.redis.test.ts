/**
 * The contract of the stream, against a real Redis: who may write, what a reader gets, and that
 * neither depends on luck.
 */
import { randomUUID } from "node:crypto";
import { createLogger } from "@openclaw/runtime";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { type AnsweredCall, Appender } from "./appender.ts";
import type { Entry, TerminalEntry } from "./entry.ts";
import { Follower } from "./follower.ts";
import { StreamKeys } from "./keys.ts";
import { BEGINNING, comparePositions, type Position } from "./position.ts";
import { DEFAULT_RETENTION, RunRecords } from "./run-records.ts";
import type { LossReason, RunWriter } from "./run-writer.ts";
import { Script } from "./script.ts";
import { Subscription } from "./subscription.ts";

const log = createLogger({ service: "test", level: "silent" });
const STARTED = { type: "started", provider: "nvidia1", model: "m" } as const;
const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1 },
};
const EXHAUSTED: TerminalEntry = {
  type: "failed",
  failure: { code: "attempts_exhausted", message: "", retryable: true },
  timings: undefined,
};
/** Attempts follow one another at once. */
const UNHELD = { ...DEFAULT_RETENTION, heldMs: 0 };
const CANCELLED: TerminalEntry = { type: "cancelled", reason: "client" };

let fixture: RedisFixture;
let keys: StreamKeys;
let records: RunRecords;
let appender: Appender;
let calls: AnsweredCall[];
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  keys = new StreamKeys({ prefix: fixture.prefix, partitions: 1 });
  records = new RunRecords(fixture.commands, keys, UNHELD);
  calls = [];
  appender = new Appender(await fixture.connect(), keys, { onCall: (call) => calls.push(call) });
  await appender.start();
  stops.push(() => appender.stop());
});

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await fixture.close();
});

/** An edge: a subscription and the followers of its runs. */
class TestEdge {
  readonly node: string;
  readonly subscriber = fixture.subscriber();
  readonly subscription: Subscription;
  readonly followers = new Map<string, Follower>();
  readonly got = new Map<string, { position: Position; entry: Entry }[]>();
  pausedAfter = Number.POSITIVE_INFINITY;

  constructor(node: string) {
    this.node = node;
    this.subscription = new Subscription({
      subscriber: this.subscriber,
      commands: fixture.commands,
      keys,
      node,
      log,
      onBatch: (batch) => {
        for (const { runId, position, entry } of batch) {
          this.followers.get(runId)?.offer(position, entry);
        }
      },
      onRestored: () => {
        for (const follower of this.followers.values()) follower.refill();
      },
    });
  }

  follow(runId: string, after: Position = BEGINNING): Follower {
    const received: { position: Position; entry: Entry }[] = [];
    this.got.set(runId, received);
    const follower = new Follower({
      runId,
      after,
      read: (id, from) => records.read(id, from),
      deliver: (position, entry) => {
        received.push({ position, entry });
        return received.length < this.pausedAfter;
      },
      batch: (deliverAll) => deliverAll(),
      onLost: () => undefined,
    });
    this.followers.set(runId, follower);
    return follower;
  }

  text(runId: string, epoch?: number): string {
    return (this.got.get(runId) ?? [])
      .filter(({ position }) => epoch === undefined || position.epoch === epoch)
      .map(({ entry }) => (entry.type === "text" ? entry.text : ""))
      .join("");
  }

  ended(runId: string): Entry | undefined {
    const last = this.got.get(runId)?.at(-1)?.entry;
    return last && ["completed", "failed", "cancelled"].includes(last.type) ? last : undefined;
  }
}

async function startEdge(node = `edge-${randomUUID().slice(0, 4)}`): Promise<TestEdge> {
  const edge = new TestEdge(node);
  await edge.subscription.start();
  stops.push(() => edge.subscription.stop());
  return edge;
}

async function createRun(edge: string, runId: string = randomUUID()): Promise<string> {
  await records.create({ runId, edge, provider: "nvidia1", session: "s" });
  return runId;
}

async function claim(
  runId: string,
  { lease = String(randomUUID()), worker = "w1", maxAttempts = 2 } = {},
) {
  return records.claim({
    runId,
    lease,
    worker,
    maxAttempts,
    started: STARTED,
    exhausted: EXHAUSTED,
  });
}

/** Claims a run; answers the epoch. */
async function claimed(runId: string): Promise<number> {
  const outcome = await claim(runId, { maxAttempts: 100 });
  if (outcome.outcome !== "claimed") throw new Error(`not claimed: ${outcome.outcome}`);
  return outcome.epoch;
}

/** What a replica knows that took over without having heard of what came after `before`. */
async function forget(runId: string, before: Record<string, string>): Promise<void> {
  await fixture.commands.del(keys.record(runId), keys.log(runId));
  await fixture.commands.hset(keys.record(runId), before);
  await fixture.commands.pexpire(keys.record(runId), 60_000);
}

async function openWriter(runId: string): Promise<{ writer: RunWriter; losses: LossReason[] }> {
  const epoch = await claimed(runId);
  const losses: LossReason[] = [];
  const writer = appender.open({
    runId,
    epoch,
    onLost: (reason) => losses.push(reason),
  });
  return { writer, losses };
}

function pieces(count: number, label = ""): string[] {
  return Array.from({ length: count }, (_, index) => `${label}${index} 你好 🙂; `);
}

function expectInOrder(entries: { position: Position }[]): void {
  for (let at = 1; at < entries.length; at += 1) {
    const [before, after] = [entries[at - 1], entries[at]];
    if (!before || !after) throw new Error("unreachable");
    expect(comparePositions(before.position, after.position)).toBeLessThan(0);
  }
}

describe("claiming", () => {
  test("raises the epoch with each claim and publishes `started` at (epoch, 0)", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const epochs = [await claimed(runId), await claimed(runId)];
    expect(epochs[1]).toBeGreaterThan(epochs[0] ?? 0);
    await eventually("both started entries", () => edge.got.get(runId)?.length === 2);
    const positions = epochs.map((epoch) => ({ epoch, seq: 0 }));
    expect(edge.got.get(runId)?.map(({ position }) => position)).toEqual(positions);
  });

  test("an epoch that Redis forgot is not given again", async () => {
    const runId = await createRun("e");
    const before = await fixture.commands.hgetall(keys.record(runId));
    const forgotten = await claimed(runId);
    await forget(runId, before);
    // No replica takes over within the millisecond of a claim; a test may.
    await eventually("the next millisecond", async () => {
      const [seconds = 0, micros = 0] = await fixture.commands.time();
      return (seconds - 1_735_689_600) * 1_000 + Math.floor(micros / 1_000) > forgotten;
    });
    expect(await claimed(runId)).toBeGreaterThan(forgotten);
  });

  test("a writer whose claim Redis forgot is told of a gap, not of another holder", async () => {
    const runId = await createRun("e");
    const before = await fixture.commands.hgetall(keys.record(runId));
    const { writer, losses } = await openWriter(runId);
    await forget(runId, before);
    writer.write({ type: "text", text: "x" });
    await eventually("the loss", () => losses.length > 0);
    expect(losses).toEqual(["gap"]);
  });

  test("gives the same lease the same epoch, so that a lost answer costs no attempt", async () => {
    const runId = await createRun("e");
    const first = await claim(runId, { lease: "one" });
    expect(await claim(runId, { lease: "one" })).toEqual(first);
  });

  test("ends a run that was tried often enough, and says so at once", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    await claim(runId);
    await claim(runId);
    expect(await claim(runId)).toEqual({ outcome: "exhausted" });
    expect(await claim(runId)).toEqual({ outcome: "ended", state: "failed" });
    const last = await eventually("the terminal", () => edge.ended(runId));
    expect(last).toMatchObject({ type: "failed", failure: { code: "attempts_exhausted" } });
  });

  test("a run whose worker was heard of is held against others, and only as long", async () => {
    const held = new RunRecords(fixture.commands, keys, { ...UNHELD, heldMs: 1_300 });
    const runId = await createRun("e");
    const { writer } = await openWriter(runId);
    const beganAt = performance.now();
    const take = () =>
      held.claim({
        runId,
        lease: randomUUID(),
        worker: "w2",
        maxAttempts: 1,
        started: STARTED,
        exhausted: EXHAUSTED,
      });
    // Kept by its touches alone, longer than one of them reaches.
    const refused = await eventually("a second touch", async () => {
      const outcome = await take();
      if (outcome.outcome !== "held") throw new Error(outcome.outcome);
      return performance.now() > beganAt + 2_000 ? outcome : undefined;
    });
    expect(refused.forMs).toBeLessThanOrEqual(1_300);
    appender.close(writer);
    const after = await eventually("the forgetting", async () => {
      const outcome = await take();
      return outcome.outcome === "held" ? undefined : outcome;
    });
    // It was allowed one attempt: nothing but the forgotten one has been counted.
    expect(after).toEqual({ outcome: "exhausted" });
  });

  test("a run that moved to another provider is only to be had there", async () => {
    const runId = await createRun("e");
    const epoch = await claimed(runId);
    expect(
      await records.move({ runId, epoch: epoch + 1, from: "nvidia1", provider: "zhipu" }),
    ).toBe("fenced");
    expect(await records.move({ runId, epoch, from: "nvidia1", provider: "zhipu" })).toBe("moved");
    expect(await claim(runId)).toEqual({ outcome: "moved", provider: "zhipu" });
    const there = await records.claim({
      runId,
      lease: "there",
      worker: "w2",
      maxAttempts: 2,
      started: { ...STARTED, provider: "zhipu" },
      exhausted: EXHAUSTED,
    });
    if (there.outcome !== "claimed") throw new Error(there.outcome);
    await records.end(runId, CANCELLED);
    expect(
      await records.move({ runId, epoch: there.epoch, from: "zhipu", provider: "nvidia1" }),
    ).toBe("ended");
  });

  test("a run that moves says so to its readers, once, behind what the attempt has written", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const epoch = await claimed(runId);
    const writer = appender.open({ runId, epoch, onLost: () => undefined });
    writer.write({ type: "text", text: "so far" });
    await eventually("the text", () => edge.text(runId) === "so far");
    const move = { runId, epoch, from: "nvidia1", provider: "zhipu" };
    // The answer to the first was lost, say.
    expect([await records.move(move), await records.move(move)]).toEqual(["moved", "moved"]);
    const entries = (await records.read(runId, BEGINNING))?.entries ?? [];
    expect(entries.map(({ entry }) => entry.type)).toEqual(["started", "text", "moved"]);
    await eventually("the news", () => edge.got.get(runId)?.length === 3);
    expect(edge.got.get(runId)?.at(-1)).toEqual({
      position: { epoch, seq: 2 },
      entry: { type: "moved", provider: "zhipu" },
    });
    writer.write({ type: "text", text: "too late" });
    await eventually("the refusal", () => writer.lost === "fenced");
    expect((await records.read(runId, BEGINNING))?.entries).toHaveLength(3);
  });

  test("a run that waits is moved from where it waits, and from nowhere else", async () => {
    const runId = await createRun("e");
    const move = (from: string, provider: string) =>
      records.move({ runId, epoch: 0, from, provider });
    expect(await move("nvidia1", "zhipu")).toBe("moved");
    expect(await move("zhipu", "hunyuan")).toBe("moved");
    // The first job again, whose worker died: the run has gone on.
    expect(await move("nvidia1", "zhipu")).toBe("fenced");
    expect(await claim(runId)).toEqual({ outcome: "moved", provider: "hunyuan" });
    await records.end(runId, CANCELLED);
  });

  test("what an attempt wrote before its run moves is in the log by then", async () => {
    const runId = await createRun("e");
    const { writer, losses } = await openWriter(runId);
    for (const text of pieces(100)) writer.write({ type: "text", text });
    await writer.flush();
    await writer.flush();
    await records.move({ runId, epoch: writer.epoch, from: "nvidia1", provider: "zhipu" });
    const entries = (await records.read(runId, BEGINNING, 1_000))?.entries ?? [];
    const text = entries.map(({ entry }) => (entry.type === "text" ? entry.text : "")).join("");
    expect(text).toBe(pieces(100).join(""));
    expect([entries.at(-1)?.entry.type, losses]).toEqual(["moved", []]);
  });

  test("answers `unknown` for a run that was never created", async () => {
    expect(await claim("nobody")).toEqual({ outcome: "unknown" });
  });

  test("answers `ended` for a run that was cancelled while queued", async () => {
    const runId = await createRun("e");
    await records.end(runId, CANCELLED);
    expect(await claim(runId)).toEqual({ outcome: "ended", state: "cancelled" });
  });
});

describe("appending", () => {
  test("carries every byte to the watching edge in order, with one terminal", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const { writer } = await openWriter(runId);
    const texts = pieces(500);
    for (const text of texts) {
      writer.write({ type: "text", text });
      if (Math.random() < 0.1) await new Promise(setImmediate);
    }
    expect(await writer.end(COMPLETED)).toBe("appended");
    await eventually("the terminal", () => edge.ended(runId));
    expect(edge.text(runId)).toBe(texts.join(""));
    expectInOrder(edge.got.get(runId) ?? []);
  });

  test("a worker that lost its run cannot append a byte from the moment of the next claim", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const zombie = await openWriter(runId);
    zombie.writer.write({ type: "text", text: "old " });
    await eventually("the old text", () => edge.text(runId) === "old ");

    const { writer } = await openWriter(runId);
    zombie.writer.write({ type: "text", text: "STALE" });
    writer.write({ type: "text", text: "new" });
    await writer.end(COMPLETED);
    await eventually("the loss", () => zombie.losses.length > 0);
    await eventually("the terminal", () => edge.ended(runId));

    expect(zombie.losses).toEqual(["fenced"]);
    expect(edge.text(runId, zombie.writer.epoch)).toBe("old ");
    expect(edge.text(runId, writer.epoch)).toBe("new");
    expect(await zombie.writer.end(COMPLETED)).toBe("fenced");
    const sum = (of: (call: AnsweredCall) => number) => calls.reduce((all, c) => all + of(c), 0);
    expect([sum(({ fenced }) => fenced), sum(({ entries }) => entries)]).toEqual([1, 4]);
  });

  test("Redis itself refuses an id of an older epoch, even from a client without our script", async () => {
    const runId = await createRun("e");
    await claim(runId);
    await claim(runId);
    await expect(fixture.commands.xadd(keys.log(runId), "1-7", "p", "x")).rejects.toThrow(
      /equal or smaller/,
    );
  });

  test("a cancelled run tells its writer with the next append, and takes no more text", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const { writer, losses } = await openWriter(runId);
    writer.write({ type: "text", text: "before" });
    await eventually("the text", () => edge.text(runId) === "before");
    expect(await records.end(runId, CANCELLED)).toBe("ended");
    expect(await records.end(runId, CANCELLED)).toBe("already");
    writer.write({ type: "text", text: "after" });
    await eventually("the loss", () => losses.length > 0);
    expect(losses).toEqual(["ended"]);
    expect(edge.text(runId)).toBe("before");
    expect(edge.got.get(runId)?.filter(({ entry }) => entry.type === "cancelled")).toHaveLength(1);
  });

  test("a silent writer learns of a cancel within two seconds even without a message", async () => {
    const runId = await createRun("e");
    const { losses } = await openWriter(runId);
    await records.end(runId, CANCELLED);
    await eventually("the loss", () => losses.length > 0, { withinMs: 2_000 });
    expect(losses).toEqual(["ended"]);
  });

  test("the worker of a run hears at once when the run is ended by somebody else", async () => {
    const worker = await startEdge("w1");
    const runId = await createRun("e");
    await openWriter(runId);
    worker.follow(runId);
    await records.end(runId, CANCELLED);
    await eventually("the notice", () => worker.ended(runId), { withinMs: 500 });
  });

  test("an unknown run is answered as such", async () => {
    const losses: LossReason[] = [];
    const writer = appender.open({
      runId: "nobody",
      epoch: 1,
      onLost: (reason) => losses.push(reason),
    });
    writer.write({ type: "text", text: "x" });
    await eventually("the loss", () => losses.length > 0);
    expect(losses).toEqual(["unknown"]);
  });

  test("says how many subscribers heard it: none, when nobody listens", async () => {
    const edge = await startEdge();
    const [heard, unheard] = [await createRun(edge.node), await createRun("gone")];
    const epochs = [await claimed(heard), await claimed(unheard)];
    const part = (id: string, epoch = 0, text: string) => [id, epoch, 1, 1, "", text];
    const reply = await new Script("append").run(
      fixture.commands,
      [heard, unheard].flatMap((id) => [keys.record(id), keys.log(id)]),
      [
        keys.channelPrefix(0),
        1e6,
        1000,
        ...part(heard, epochs[0], "x"),
        ...part(unheard, epochs[1], "y"),
      ],
    );
    expect(reply).toEqual(["appended", 1, "appended", 0]);
  });

  test("a repeated call writes nothing twice, a call that skips entries is refused", async () => {
    const runId = await createRun("e");
    const epoch = await claimed(runId);
    const call = (first: number, ...payloads: string[]) =>
      new Script("append").run(
        fixture.commands,
        [keys.record(runId), keys.log(runId)],
        [keys.channelPrefix(0), 1e6, 1000, runId, epoch, first, payloads.length, "", ...payloads],
      );
    expect(await call(1, "a", "b")).toEqual(["appended", 0]);
    expect(await call(1, "a", "b")).toEqual(["appended", 0]);
    expect(await call(2, "b", "c")).toEqual(["appended", 0]);
    expect(await call(5, "e")).toEqual(["gap", 0]);
    expect(await fixture.commands.xlen(keys.log(runId))).toBe(4);
  });

  test("a log at its size limit takes no more text but still ends", async () => {
    const small = new Appender(fixture.commands, keys, { maxLogBytes: 1_000 });
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const epoch = await claimed(runId);
    const losses: LossReason[] = [];
    const writer = small.open({ runId, epoch, onLost: (reason) => losses.push(reason) });
    await eventually("the limit", () => {
      writer.write({ type: "text", text: "x".repeat(300) });
      return losses.length > 0;
    });
    expect(losses).toEqual(["too_large"]);
    expect(await writer.end(EXHAUSTED)).toBe("appended");
    await eventually("the terminal", () => edge.ended(runId));
  });

  test("a repeated call at the size limit is recognised, and its terminal is written", async () => {
    const runId = await createRun("e");
    const epoch = await claimed(runId);
    const call = (first: number, closes: string, ...payloads: string[]) =>
      new Script("append").run(
        fixture.commands,
        [keys.record(runId), keys.log(runId)],
        [
          keys.channelPrefix(0),
          10,
          1000,
          runId,
          epoch,
          first,
          payloads.length,
          closes,
          ...payloads,
        ],
      );
    expect(await call(1, "", "more than ten bytes")).toEqual(["appended", 0]);
    expect(await call(1, "", "more than ten bytes")).toEqual(["appended", 0]);
    expect(await call(2, "", "more")).toEqual(["too_large", 0]);
    // A terminal entry whose number is taken would vanish: it is never called appended.
    expect(await call(1, "failed", "end")).toEqual(["gap", 0]);
    expect(await fixture.commands.hget(keys.record(runId), "state")).toBe("active");
    expect(await call(2, "failed", "end")).toEqual(["appended", 0]);
    expect(await call(2, "failed", "end")).toEqual(["appended", 0]);
    expect(await fixture.commands.hget(keys.record(runId), "state")).toBe("failed");
  });

  test("a run that nobody hears is given up after the grace period, one with an edge, or that goes on unread, is not", async () => {
    const edge = await startEdge();
    const [heard, unheard] = [await createRun(edge.node), await createRun("gone")];
    const unread = await createRun("gone");
    const patient = new Appender(fixture.commands, keys, { orphanGraceMs: 200 });
    const losses: string[] = [];
    const writers = await Promise.all(
      [heard, unheard, unread].map(async (runId) => {
        const epoch = await claimed(runId);
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

  test("an end on its way is not given up because nobody heard what came before it", async () => {
    const patient = new Appender(fixture.commands, keys, { orphanGraceMs: 0 });
    const runId = await createRun("gone");
    const losses: LossReason[] = [];
    const epoch = await claimed(runId);
    const writer = patient.open({ runId, epoch, onLost: (why) => losses.push(why) });
    writer.write({ type: "text", text: "a" });
    const read = async () => (await records.read(runId, BEGINNING))?.entries.length;
    await eventually("the first piece", async () => (await read()) === 2);
    // The piece is in flight while the end is added behind it.
    writer.write({ type: "text", text: "b" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await writer.end(COMPLETED)).toBe("appended");
    expect(losses).toEqual([]);
  });

  test("keeps the log for the resume window after the end, and no longer", async () => {
    const brief = new RunRecords(fixture.commands, keys, { ...UNHELD, resumeWindowMs: 300 });
    const runId = await createRun("e");
    await claim(runId);
    await brief.end(runId, CANCELLED);
    expect((await brief.read(runId, BEGINNING))?.entries).toHaveLength(2);
    await eventually("the expiry", async () => (await brief.read(runId, BEGINNING)) === undefined);
    expect(await fixture.commands.exists(keys.log(runId))).toBe(0);
  });
});

describe("following", () => {
  test("an edge that takes over at a random moment misses nothing and gets nothing twice", async () => {
    const first = await startEdge();
    for (let round = 0; round < 40; round += 1) {
      const runId = await createRun(first.node);
      first.follow(runId);
      const { writer } = await openWriter(runId);
      const texts = pieces(60, `r${round}-`);
      const late = await startEdge();
      const joinAt = Math.floor(Math.random() * texts.length);
      let joined: Promise<unknown> = Promise.resolve();
      for (const [index, text] of texts.entries()) {
        writer.write({ type: "text", text });
        if (index === joinAt) {
          late.follow(runId);
          joined = records
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

  test("a run is unknown to another session", async () => {
    const runId = await createRun("e");
    expect(await records.watch(runId, { node: "n", session: "other" })).toEqual({
      outcome: "unknown",
    });
    expect(await records.watch(runId, { node: "n", session: "s" })).toMatchObject({
      outcome: "watching",
      state: "queued",
    });
  });

  test("resumes behind the position it already has", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const { writer } = await openWriter(runId);
    for (const text of ["a", "b", "c", "d"]) {
      writer.write({ type: "text", text });
      await eventually("the piece", () => edge.text(runId).endsWith(text));
    }
    await writer.end(COMPLETED);
    const other = await startEdge();
    other.follow(runId, { epoch: writer.epoch, seq: 2 }).refill();
    await eventually("the end", () => other.ended(runId));
    expect(other.text(runId)).toBe("cd");
  });

  test("a reader that pauses is caught up from the log when it resumes", async () => {
    const edge = await startEdge();
    edge.pausedAfter = 3;
    const runId = await createRun(edge.node);
    const follower = edge.follow(runId);
    const { writer } = await openWriter(runId);
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
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    const follower = edge.follow(runId);
    const { writer } = await openWriter(runId);
    edge.followers.delete(runId);
    writer.write({ type: "text", text: "unheard " });
    await eventually(
      "the append",
      async () => (await fixture.commands.xlen(keys.log(runId))) === 2,
    );
    edge.followers.set(runId, follower);
    writer.write({ type: "text", text: "heard" });
    await writer.end(COMPLETED);
    await eventually("the end", () => edge.ended(runId));
    expect(edge.text(runId)).toBe("unheard heard");
  });

  test("a subscription cut by Redis is made again, and what it missed is filled", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    const { writer } = await openWriter(runId);
    await fixture.commands.client("KILL", "TYPE", "pubsub");
    const texts = pieces(20);
    for (const text of texts) writer.write({ type: "text", text });
    await writer.end(COMPLETED);
    await eventually("the end", () => edge.ended(runId));
    expect(edge.text(runId)).toBe(texts.join(""));
  });

  test("a subscription that is silently dead is found by its probe and replaced", async () => {
    const edge = await startEdge();
    const runId = await createRun(edge.node);
    edge.follow(runId);
    // Redis forgets the subscription while the socket stays open: alive to TCP, deaf in truth.
    await edge.subscriber.sunsubscribe();
    await eventually("the alarm", () => !edge.subscription.alive, { withinMs: 8_000 });
    await eventually("the repair", () => edge.subscription.alive, { withinMs: 8_000 });
    const { writer } = await openWriter(runId);
    writer.write({ type: "text", text: "hello" });
    await eventually("the text", () => edge.text(runId) === "hello");
  });
});

test("1,000 runs interleaved in batches over 4 partitions each arrive whole and in order", async () => {
  keys = new StreamKeys({ prefix: fixture.prefix, partitions: 4 });
  records = new RunRecords(fixture.commands, keys, UNHELD);
  appender = new Appender(await fixture.connect(), keys);
  const edges = [await startEdge(), await startEdge()];
  const runs = await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) => {
      const edge = edges[index % 2];
      if (!edge) throw new Error("unreachable");
      const runId = await createRun(edge.node);
      edge.follow(runId);
      const { writer } = await openWriter(runId);
      return { edge, runId, writer, texts: pieces(12, `${index}:`) };
    }),
  );
  for (let piece = 0; piece < 12; piece += 1) {
    for (const { writer, texts } of runs) writer.write({ type: "text", text: texts[piece] ?? "" });
    await new Promise(setImmediate);
  }
  const outcomes = await Promise.all(runs.map(({ writer }) => writer.end(COMPLETED)));
  expect(new Set(outcomes)).toEqual(new Set(["appended"]));
  for (const { edge, runId, texts } of runs) {
    await eventually("the end", () => edge.ended(runId));
    expect(edge.text(runId)).toBe(texts.join(""));
  }
});
