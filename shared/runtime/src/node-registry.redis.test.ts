import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createLogger } from "./log.ts";
import { NodeRegistry } from "./node-registry.ts";

let fixture: RedisFixture;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  lost.length = 0;
  fixture = await createRedisFixture(inject("redisUrl"));
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await fixture.close();
});

const lost: string[] = [];

async function join(id: string, redis = fixture.commands): Promise<NodeRegistry> {
  const node = new NodeRegistry({
    redis,
    keyPrefix: fixture.prefix,
    id,
    kind: "worker",
    log: createLogger({ service: "test", level: "silent" }),
    describe: () => ({}),
    onLost: (other) => lost.push(other),
  });
  await node.start();
  stops.push(() => node.stop());
  return node;
}

/** As a process that was killed leaves it: on the list, with a report that has expired. */
const leaveUnreported = (id: string) => fixture.commands.sadd(`${fixture.prefix}{nodes}`, id);

test("of two that look one is told of a node that died, and nobody of one that left", async () => {
  const [first, second, leaving] = await Promise.all(["a", "b", "left"].map((id) => join(id)));
  await leaving?.stop();
  await leaveUnreported("died");
  await eventually("the news", async () => {
    const seen = await Promise.all([first, second].map((node) => node?.nodes()));
    expect(seen.map((nodes) => nodes?.map(({ id }) => id).sort())).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
    return lost.length > 0;
  });
  expect(lost).toEqual(["died"]);
});

test("behind an outage nobody is taken for dead before all had the time to report", async () => {
  const redis = await fixture.connect();
  const node = await join("a", redis);
  expect(node.isSettled).toBe(true);
  redis.disconnect();
  await eventually("a failed report", () => !node.isSettled, { withinMs: 2_000 });
  await redis.connect();
  await leaveUnreported("slower");
  await eventually("its own report", async () => (await node.nodes()).length === 1);
  expect([node.isSettled, lost]).toEqual([false, []]);
  await eventually("the verdict", async () => (await node.nodes()) && lost.length > 0, {
    withinMs: 6_000,
  });
  expect([node.isSettled, lost]).toEqual([true, ["slower"]]);
});
