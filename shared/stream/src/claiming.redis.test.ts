/** The right to write for a run, which a claim gives, against a real Redis. */
import { randomUUID } from "node:crypto";
import { eventually, setClockBack } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { BEGINNING } from "./position.ts";
import { DEFAULT_RETENTION } from "./retention.ts";
import { RunRecords } from "./run-records.ts";
import {
  CANCELLED,
  createTestStream,
  EXHAUSTED,
  pieces,
  type TestStream,
} from "./testing/test-stream.ts";

let stream: TestStream;

beforeEach(async () => {
  stream = await createTestStream(inject("redisUrl"));
});

afterEach(() => stream.close());

async function claimed(runId: string, more: Parameters<TestStream["claim"]>[1] = {}) {
  const claim = await stream.claim(runId, more);
  if (claim.outcome !== "claimed") throw new Error(claim.outcome);
  return claim;
}

/** An attempt of a run gives it back to the queue that it came from. */
async function giveBack(runId: string, epoch: number, because: "failure" | "release") {
  const move = { runId, epoch, from: "nvidia1", provider: "nvidia1", because };
  expect(await stream.records.move(move)).toBe("moved");
}

describe("claiming", () => {
  test("raises the epoch with each claim and publishes `started` at (epoch, 0)", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const epochs = [await stream.claimed(runId), await stream.claimed(runId)];
    expect(epochs[1]).toBeGreaterThan(epochs[0] ?? 0);
    await eventually("both started entries", () => edge.got.get(runId)?.length === 2);
    const positions = epochs.map((epoch) => ({ epoch, seq: 0 }));
    expect(edge.got.get(runId)?.map(({ position }) => position)).toEqual(positions);
  });

  test("an epoch that Redis forgot is not given again", async () => {
    const runId = await stream.createRun();
    const before = await stream.commands.hgetall(stream.keys.record(runId));
    const forgotten = await stream.claimed(runId);
    await stream.forget(runId, before);
    // No replica takes over within the millisecond of a claim; a test may.
    await eventually("the next millisecond", async () => {
      const [seconds = 0, micros = 0] = await stream.commands.time();
      return (seconds - 1_735_689_600) * 1_000 + Math.floor(micros / 1_000) > forgotten;
    });
    expect(await stream.claimed(runId)).toBeGreaterThan(forgotten);
  });

  test("a writer whose claim Redis forgot is told of a gap, not of another holder", async () => {
    const runId = await stream.createRun();
    const before = await stream.commands.hgetall(stream.keys.record(runId));
    const { writer, losses } = await stream.beginAttempt(runId);
    await stream.forget(runId, before);
    writer.write({ type: "text", text: "x" });
    await eventually("the loss", () => losses.length > 0);
    expect(losses).toEqual(["gap"]);
  });

  test("gives the same lease the same epoch, so that a lost answer costs no attempt", async () => {
    const runId = await stream.createRun();
    const first = await stream.claim(runId, { lease: "one" });
    expect(await stream.claim(runId, { lease: "one" })).toEqual(first);
  });

  test("ends a run that was tried often enough, and says so at once", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    for (const attempt of [1, 2]) {
      const claim = await claimed(runId);
      expect(claim.attempt).toBe(attempt);
      await giveBack(runId, claim.epoch, "failure");
    }
    expect(await stream.claim(runId)).toEqual({ outcome: "exhausted" });
    expect(await stream.claim(runId)).toEqual({ outcome: "ended", state: "failed" });
    const last = await eventually("the terminal", () => edge.ended(runId));
    expect(last).toMatchObject({ type: "failed", failure: { code: "attempts_exhausted" } });
  });

  test("a release costs neither an attempt nor a try, however often, and is counted by itself", async () => {
    const runId = await stream.createRun();
    for (let round = 0; round < 20; round += 1) {
      const claim = await claimed(runId);
      expect([claim.attempt, claim.tries, claim.isFirst]).toEqual([1, 1, round === 0]);
      // Half of them have said something.
      if (round % 2 === 0) {
        const { epoch } = claim;
        const writer = stream.appender.open({ runId, epoch, onLost: () => undefined });
        writer.write({ type: "text", text: "so far" });
        await writer.flush();
        stream.appender.close(writer);
      }
      await giveBack(runId, claim.epoch, "release");
      // The answer to the first was lost, say.
      await giveBack(runId, claim.epoch, "release");
    }
    expect(await stream.commands.hget(stream.keys.record(runId), "releases")).toBe("20");
    const status = await stream.records.status(runId);
    expect(status?.attempts).toBe(20);
  });

  test("a lost worker costs neither an attempt nor a try; the run that loses as many as it may is ended", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    for (let lost = 0; lost < 3; lost += 1) {
      const claim = await claimed(runId, { maxLost: 3 });
      expect([claim.attempt, claim.tries, claim.isFirst]).toEqual([1, 1, lost === 0]);
    }
    expect(await stream.claim(runId, { maxLost: 3 })).toEqual({ outcome: "lost", workers: 3 });
    expect(await stream.claim(runId)).toEqual({ outcome: "ended", state: "failed" });
    const last = await eventually("the terminal", () => edge.ended(runId));
    expect(last).toMatchObject({ type: "failed", failure: { code: "attempts_exhausted" } });
  });

  test("failures, releases and losses of one run do not add up", async () => {
    const runId = await stream.createRun();
    const only = { maxLost: 3, maxAttempts: 2 };
    await claimed(runId, only); // and lost
    await giveBack(runId, (await claimed(runId, only)).epoch, "release");
    await claimed(runId, only); // and lost
    await giveBack(runId, (await claimed(runId, only)).epoch, "failure");
    const last = await claimed(runId, only);
    expect([last.attempt, last.tries]).toEqual([2, 2]);
    await giveBack(runId, last.epoch, "failure");
    expect(await stream.claim(runId, only)).toEqual({ outcome: "exhausted" });
  });

  test("ends a run that should have been over: nobody waits for what would be bought", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node, totalMs: -1 });
    edge.follow(runId);
    expect(await stream.claim(runId)).toEqual({ outcome: "overdue" });
    expect(await stream.claim(runId)).toEqual({ outcome: "ended", state: "failed" });
    const last = await eventually("the terminal", () => edge.ended(runId));
    expect(last).toMatchObject({ type: "failed", failure: { code: "run_timeout" } });
  });

  test("how long a run has waited is known to readers that come later, for each provider anew", async () => {
    const runId = await stream.createRun();
    const waited = async () => {
      const watched = await stream.records.watch(runId, { node: "late" });
      return watched.outcome === "watching" ? watched.waitedMs : watched.outcome;
    };
    await eventually("some time", async () => Number(await waited()) > 50);
    const epoch = await stream.claimed(runId);
    expect(await waited()).toBeUndefined();
    await stream.records.move({ runId, epoch, from: "nvidia1", provider: "zhipu" });
    expect(await waited()).toBeLessThan(50);
  });

  test("a time of the future counts as now: the clock was set back", async () => {
    const { commands, keys, prefix } = stream;
    const heldMs = 300;
    const held = new RunRecords(commands, keys, { ...DEFAULT_RETENTION, heldMs });
    const [claimed, told] = [await stream.createRun(), await stream.createRun()];
    for (const runId of [claimed, told]) await stream.claimed(runId);
    await setClockBack(commands, prefix, 60_000);
    // Every worker that notices says so of the runs at work.
    await held.rewind([told, "unknown"]);
    const heardAt = async (runId: string) =>
      Number(await commands.hget(keys.record(runId), "heard_at"));
    expect(await heardAt(told)).toBeLessThan((await heardAt(claimed)) - 30_000);

    for (const runId of [claimed, told]) {
      const claim = {
        ...{ runId, lease: "later", worker: "w2", maxAttempts: 9, maxLost: 9 },
        ...{ exhausted: EXHAUSTED, lost: EXHAUSTED, overdue: EXHAUSTED },
        started: { type: "started", provider: "nvidia1", model: "m" } as const,
      };
      await eventually("the claim", async () => (await held.claim(claim)).outcome === "claimed");
    }
  });

  test("no run has more time than it was given, or has waited less than nothing: the clock was set back", async () => {
    const runId = await stream.createRun({ totalMs: 5_000 });
    await setClockBack(stream.commands, stream.prefix, 60_000);
    const watched = await stream.records.watch(runId, { node: "n" });
    expect(watched).toMatchObject({ leftMs: 5_000, waitedMs: 0 });
  });

  test("a run whose worker was heard of is held against others, and only as long", async () => {
    const held = new RunRecords(stream.commands, stream.keys, {
      ...DEFAULT_RETENTION,
      heldMs: 1_300,
    });
    const runId = await stream.createRun();
    const { writer } = await stream.beginAttempt(runId);
    const beganAt = performance.now();
    const take = () =>
      held.claim({
        runId,
        lease: randomUUID(),
        worker: "w2",
        maxAttempts: 1,
        maxLost: 1,
        started: { type: "started", provider: "nvidia1", model: "m" },
        exhausted: EXHAUSTED,
        lost: EXHAUSTED,
        overdue: EXHAUSTED,
      });
    // Kept by its touches alone, longer than one of them reaches.
    const refused = await eventually("a second touch", async () => {
      const outcome = await take();
      if (outcome.outcome !== "held") throw new Error(outcome.outcome);
      return performance.now() > beganAt + 2_000 ? outcome : undefined;
    });
    expect(refused.forMs).toBeLessThanOrEqual(1_300);
    stream.appender.close(writer);
    const after = await eventually("the forgetting", async () => {
      const outcome = await take();
      return outcome.outcome === "held" ? undefined : outcome;
    });
    // It may lose one worker: nothing but the forgotten one has been counted.
    expect(after).toEqual({ outcome: "lost", workers: 1 });
  });

  test("a run that moved to another provider is only to be had there", async () => {
    const runId = await stream.createRun();
    const epoch = await stream.claimed(runId);
    expect(
      await stream.records.move({ runId, epoch: epoch + 1, from: "nvidia1", provider: "zhipu" }),
    ).toBe("fenced");
    expect(await stream.records.move({ runId, epoch, from: "nvidia1", provider: "zhipu" })).toBe(
      "moved",
    );
    expect(await stream.claim(runId)).toEqual({ outcome: "moved", provider: "zhipu" });
    const there = await stream.claim(runId, {
      worker: "w2",
      started: { type: "started", provider: "zhipu", model: "m" },
    });
    if (there.outcome !== "claimed") throw new Error(there.outcome);
    await stream.records.end(runId, CANCELLED);
    expect(
      await stream.records.move({ runId, epoch: there.epoch, from: "zhipu", provider: "nvidia1" }),
    ).toBe("ended");
  });

  test("a run that moves says so to its readers, once, behind what the attempt has written", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const epoch = await stream.claimed(runId);
    const writer = stream.appender.open({ runId, epoch, onLost: () => undefined });
    writer.write({ type: "text", text: "so far" });
    await eventually("the text", () => edge.text(runId) === "so far");
    const move = { runId, epoch, from: "nvidia1", provider: "zhipu" };
    // The answer to the first was lost, say.
    expect([await stream.records.move(move), await stream.records.move(move)]).toEqual([
      "moved",
      "moved",
    ]);
    const entries = (await stream.records.read(runId, BEGINNING))?.entries ?? [];
    expect(entries.map(({ entry }) => entry.type)).toEqual(["started", "text", "moved"]);
    await eventually("the news", () => edge.got.get(runId)?.length === 3);
    expect(edge.got.get(runId)?.at(-1)).toEqual({
      position: { epoch, seq: 2 },
      entry: { type: "moved", provider: "zhipu" },
    });
    writer.write({ type: "text", text: "too late" });
    await eventually("the refusal", () => writer.lost === "fenced");
    expect((await stream.records.read(runId, BEGINNING))?.entries).toHaveLength(3);
  });

  test("a run that waits is moved from where it waits, and from nowhere else", async () => {
    const runId = await stream.createRun();
    const move = (from: string, provider: string) =>
      stream.records.move({ runId, epoch: 0, from, provider });
    expect(await move("nvidia1", "zhipu")).toBe("moved");
    expect(await move("zhipu", "hunyuan")).toBe("moved");
    // The first job again, whose worker died: the run has gone on.
    expect(await move("nvidia1", "zhipu")).toBe("fenced");
    expect(await stream.claim(runId)).toEqual({ outcome: "moved", provider: "hunyuan" });
    await stream.records.end(runId, CANCELLED);
  });

  test("what an attempt wrote before its run moves is in the log by then", async () => {
    const runId = await stream.createRun();
    const { writer, losses } = await stream.beginAttempt(runId);
    for (const text of pieces(100)) writer.write({ type: "text", text });
    await writer.flush();
    await writer.flush();
    await stream.records.move({ runId, epoch: writer.epoch, from: "nvidia1", provider: "zhipu" });
    const entries = (await stream.records.read(runId, BEGINNING, 1_000))?.entries ?? [];
    const text = entries.map(({ entry }) => (entry.type === "text" ? entry.text : "")).join("");
    expect(text).toBe(pieces(100).join(""));
    expect([entries.at(-1)?.entry.type, losses]).toEqual(["moved", []]);
  });

  test("answers `unknown` for a run that was never created", async () => {
    expect(await stream.claim("nobody")).toEqual({ outcome: "unknown" });
  });

  test("answers `ended` for a run that was cancelled while queued", async () => {
    const runId = await stream.createRun();
    await stream.records.end(runId, CANCELLED);
    expect(await stream.claim(runId)).toEqual({ outcome: "ended", state: "cancelled" });
  });
});
