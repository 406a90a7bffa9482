/** The ear of a node that does not come back by itself. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { eventually, RedisCluster } from "@openclaw/testing";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
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

test("a node that may not subscribe any more asks at a walk, and hears again once it may", async () => {
  const user = `edge-${randomUUID().slice(0, 8)}`;
  const admin = new Redis(inject("redisUrl"));
  await admin.call("ACL", "SETUSER", user, "reset", "on", "nopass", "~*", "&*", "+@all");
  onTestFinished(async () => {
    await admin.call("ACL", "DELUSER", user);
    admin.disconnect();
  });
  const stream = await createTestStream(
    inject("redisUrl").replace("redis://", `redis://${user}:any@`),
  );
  onTestFinished(() => stream.close());
  const edge = await stream.startEdge();
  const refused = async () => {
    const stats = await admin.info("commandstats");
    return Number(/cmdstat_ssubscribe:.*rejected_calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await refused();
  await admin.call("ACL", "SETUSER", user, "-ssubscribe");
  edge.subscribers[0]?.disconnect(true);
  await eventually("a refusal", async () => (await refused()) > before);
  const [since, from] = [await refused(), performance.now()];
  await eventually("two seconds", () => performance.now() - from > 2_000);
  // Unpaced it is 40.
  expect((await refused()) - since).toBeLessThan(10);
  await admin.call("ACL", "SETUSER", user, "+ssubscribe");
  await eventually("to be heard", () => edge.subscription.alive, { withinMs: 5_000 });
});
