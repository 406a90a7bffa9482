/** The ear of a node on a Redis Cluster that does not come back by itself. */
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { eventually, RedisCluster } from "@openclaw/testing";
import { expect, onTestFinished, test } from "vitest";
import { COMPLETED, createTestStream } from "./testing/test-stream.ts";

test("a client whose subscribers were given up half made is replaced, and what was missed is read", async () => {
  const cluster = await RedisCluster.start();
  onTestFinished(() => cluster.stop());
  const stream = await createTestStream(cluster.url, { partitions: 6 });
  onTestFinished(() => stream.close());
  const edge = await stream.startEdge();
  const runId = await stream.createRun({ edge: edge.node });
  edge.follow(runId);
  const { writer } = await stream.beginAttempt(runId);
  const [first] = edge.subscribers;
  first?.disconnect(true);
  writer.write({ type: "text", text: "missed, " });
  // Now it connects to each master again. Cut here, it waits for these connections for ever.
  if (first) await once(first, "+subscriber");
  await setImmediate();
  first?.disconnect(true);
  await eventually("a new client", () => edge.subscribers.length > 1, { withinMs: 10_000 });
  await eventually("the repair", () => edge.subscription.alive, { withinMs: 5_000 });
  writer.write({ type: "text", text: "heard" });
  await writer.end(COMPLETED);
  await eventually("the end", () => edge.ended(runId));
  expect(edge.text(runId)).toBe("missed, heard");
  expect(edge.subscribers).toHaveLength(2);
});
