/** What is written of a run: whole, in order and once, against a real Redis. */
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { Appender } from "./appender.ts";
import { BEGINNING } from "./position.ts";
import { DEFAULT_RETENTION } from "./retention.ts";
import type { LossReason } from "./run-batch.ts";
import { RunRecords } from "./run-records.ts";
import { Script } from "./script.ts";
import {
  CANCELLED,
  COMPLETED,
  createTestStream,
  EXHAUSTED,
  expectInOrder,
  pieces,
  type TestStream,
} from "./testing/test-stream.ts";

let stream: TestStream;

beforeEach(async () => {
  stream = await createTestStream(inject("redisUrl"));
});

afterEach(() => stream.close());

/** Calls of the script for one run, as its appender makes them: from a first entry on, and with what it ends. */
function appendTo(runId: string, epoch: number, { maxLogBytes = 1e6 } = {}) {
  const { commands, keys } = stream;
  const run = [keys.channelPrefix(0), maxLogBytes, 1000, runId, epoch];
  return (first: number, closes: string, ...payloads: string[]) =>
    new Script("append").run(
      commands,
      [keys.record(runId), keys.log(runId)],
      [...run, first, payloads.length, 0, closes, ...payloads],
    );
}

describe("appending", () => {
  test("carries every byte to the watching edge in order, with one terminal", async () => {
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const { writer } = await stream.beginAttempt(runId);
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

  test("Redis itself refuses an id of an older epoch, even from a client without our script", async () => {
    const runId = await stream.createRun();
    await stream.claim(runId);
    await stream.claim(runId);
    await expect(stream.commands.xadd(stream.keys.log(runId), "1-7", "p", "x")).rejects.toThrow(
      /equal or smaller/,
    );
  });

  test("says how many subscribers heard it: none, when nobody listens", async () => {
    const edge = await stream.startEdge();
    const [heard, unheard] = [
      await stream.createRun({ edge: edge.node }),
      await stream.createRun({ edge: "gone" }),
    ];
    const epochs = [await stream.claimed(heard), await stream.claimed(unheard)];
    const part = (id: string, epoch = 0, text: string) => [id, epoch, 1, 1, 0, "", text];
    const reply = await new Script("append").run(
      stream.commands,
      [heard, unheard].flatMap((id) => [stream.keys.record(id), stream.keys.log(id)]),
      [
        stream.keys.channelPrefix(0),
        1e6,
        1000,
        ...part(heard, epochs[0], "x"),
        ...part(unheard, epochs[1], "y"),
      ],
    );
    expect(reply).toEqual(["appended", 1, "appended", 0]);
  });

  test("a repeated call writes nothing twice, a call that skips entries is refused", async () => {
    const runId = await stream.createRun();
    const epoch = await stream.claimed(runId);
    const call = appendTo(runId, epoch);
    expect(await call(1, "", "a", "b")).toEqual(["appended", 0]);
    // The repeated call cannot tell how many subscribers heard the first.
    expect(await call(1, "", "a", "b")).toEqual(["appended", -1]);
    expect(await call(2, "", "b", "c")).toEqual(["appended", 0]);
    expect(await call(5, "", "e")).toEqual(["gap", 0]);
    expect(await stream.commands.xlen(stream.keys.log(runId))).toBe(4);
  });

  test("a log at its size limit takes no more text but still ends", async () => {
    const small = new Appender(stream.commands, stream.keys, { maxLogBytes: 1_000 });
    const edge = await stream.startEdge();
    const runId = await stream.createRun({ edge: edge.node });
    edge.follow(runId);
    const epoch = await stream.claimed(runId);
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
    const runId = await stream.createRun();
    const epoch = await stream.claimed(runId);
    const call = appendTo(runId, epoch, { maxLogBytes: 10 });
    expect(await call(1, "", "more than ten bytes")).toEqual(["appended", 0]);
    expect(await call(1, "", "more than ten bytes")).toEqual(["appended", -1]);
    expect(await call(2, "", "more")).toEqual(["too_large", 0]);
    // A terminal entry whose number is taken would vanish: it is never called appended.
    expect(await call(1, "failed", "end")).toEqual(["gap", 0]);
    expect(await stream.commands.hget(stream.keys.record(runId), "state")).toBe("active");
    expect(await call(2, "failed", "end")).toEqual(["appended", 0]);
    expect(await call(2, "failed", "end")).toEqual(["appended", 0]);
    expect(await stream.commands.hget(stream.keys.record(runId), "state")).toBe("failed");
  });

  test("keeps a run that was cancelled before any attempt for half a minute only, any other for the window", async () => {
    const [unbegun, begun, failed] = [
      await stream.createRun(),
      await stream.createRun(),
      await stream.createRun(),
    ];
    await stream.claim(begun);
    for (const runId of [unbegun, begun]) await stream.records.end(runId, CANCELLED);
    await stream.records.end(failed, EXHAUSTED);
    for (const what of ["record", "log"] as const) {
      const left = (runId: string) => stream.commands.pttl(stream.keys[what](runId));
      expect(await left(unbegun)).toBeLessThanOrEqual(30_000);
      expect(await left(unbegun)).toBeGreaterThan(0);
      for (const runId of [begun, failed]) expect(await left(runId)).toBeGreaterThan(30_000);
    }
    // A client that comes back soon still learns of the end.
    expect(await stream.records.status(unbegun)).toMatchObject({ state: "cancelled" });
    expect((await stream.records.read(unbegun, BEGINNING))?.entries).toMatchObject([
      { entry: CANCELLED },
    ]);
  });

  test("keeps the log for the resume window after the end, and no longer", async () => {
    const brief = new RunRecords(stream.commands, stream.keys, {
      ...DEFAULT_RETENTION,
      resumeWindowMs: 300,
    });
    const runId = await stream.createRun();
    await stream.claim(runId);
    await brief.end(runId, CANCELLED);
    expect((await brief.read(runId, BEGINNING))?.entries).toHaveLength(2);
    await eventually("the expiry", async () => (await brief.read(runId, BEGINNING)) === undefined);
    expect(await stream.commands.exists(stream.keys.log(runId))).toBe(0);
  });
});

test("1,000 runs interleaved in batches over 4 partitions each arrive whole and in order", async () => {
  const wide = await createTestStream(inject("redisUrl"), { partitions: 4 });
  onTestFinished(() => wide.close());
  const edges = [await wide.startEdge(), await wide.startEdge()];
  const runs = await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) => {
      const edge = edges[index % 2];
      if (!edge) throw new Error("unreachable");
      const runId = await wide.createRun({ edge: edge.node });
      edge.follow(runId);
      const { writer } = await wide.beginAttempt(runId);
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
