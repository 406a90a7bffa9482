/** Answers with much to say at once, beside others with little, against a real Redis. */
import { createLogger, createSubscriberConnection } from "@openclaw/runtime";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import {
  COMPLETED,
  createTestStream,
  expectInOrder,
  type TestStream,
} from "./testing/test-stream.ts";

const MOST_BYTES = 4 * 1024 * 1024;
/** Of a million bytes, in three bytes each. */
const LARGE = "一次只测量一个队列。".repeat(33_000);

let stream: TestStream;

beforeEach(async () => {
  stream = await createTestStream(inject("redisUrl"));
});

afterEach(() => stream.close());

/** How long the messages are that a node is sent. */
async function weigh(node: string): Promise<readonly number[]> {
  const log = createLogger({ service: "test", level: "silent" });
  const redis = createSubscriberConnection({ url: stream.url, name: "test:scales", log });
  await redis.connect();
  onTestFinished(() => redis.disconnect());
  const weights: number[] = [];
  redis.on("smessageBuffer", (_, message: Buffer) => weights.push(message.length));
  await redis.ssubscribe(stream.keys.channel(0, node));
  return weights;
}

async function begin(count: number, edge: string) {
  const runs = await Promise.all(Array.from({ length: count }, () => stream.createRun({ edge })));
  return Promise.all(runs.map(async (runId) => ({ runId, ...(await stream.beginAttempt(runId)) })));
}

test("arrive whole, though most of them is read from the log: a slow edge must not heap them up in Redis", async () => {
  const edge = await stream.startEdge();
  const weights = await weigh(edge.node);
  const attempts = await begin(12, edge.node);
  for (const { runId } of attempts) edge.follow(runId);
  for (const { writer } of attempts) writer.write({ type: "text", text: LARGE });
  const ends = attempts.map(({ writer }) => writer.end(COMPLETED));
  expect(new Set(await Promise.all(ends))).toEqual(new Set(["appended"]));
  for (const { runId } of attempts) {
    await eventually("the end", () => edge.ended(runId));
    expect(edge.text(runId) === LARGE).toBe(true);
    expectInOrder(edge.got.get(runId) ?? []);
  }
  const published = weights.reduce((sum, weight) => sum + weight, 0);
  expect(published).toBeLessThan(Buffer.byteLength(LARGE));
});

test("go in calls of at most 4 MiB, in which those with little to say are never behind them", async () => {
  const [large, small] = [await begin(100, "gone"), await begin(100, "gone")];
  for (const { writer } of large) writer.write({ type: "text", text: LARGE });
  for (const { writer } of small) writer.write({ type: "text", text: "short" });
  await Promise.all(small.map(({ writer }) => writer.flush()));
  // Each call has room for most of a hundred runs, and one for all that have little to say.
  expect(stream.calls.filter(({ entries }) => entries > 0).length).toBeLessThanOrEqual(2);
  await Promise.all(large.map(({ writer }) => writer.flush()));
  const bytes = stream.calls.map((call) => call.bytes);
  expect(Math.max(...bytes)).toBeLessThanOrEqual(MOST_BYTES);
  expect(Math.max(...bytes)).toBeGreaterThan(0.75 * MOST_BYTES);
});
