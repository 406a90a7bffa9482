import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createLogger } from "./log.ts";
import { NodeRegistry } from "./node-registry.ts";

let fixture: RedisFixture;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await fixture.close();
});

test("of two that look one is told of a node that died, and nobody of one that left", async () => {
  const lost: string[] = [];
  const join = async (id: string) => {
    const log = createLogger({ service: "test", level: "silent" });
    const { commands: redis, prefix: keyPrefix } = fixture;
    const onLost = (node: string) => lost.push(node);
    const kind = "worker";
    const node = new NodeRegistry({
      redis,
      keyPrefix,
      id,
      kind,
      log,
      describe: () => ({}),
      onLost,
    });
    await node.start();
    stops.push(() => node.stop());
    return node;
  };
  const [first, second, leaving] = await Promise.all(["a", "b", "left"].map(join));
  await leaving?.stop();
  // As a process that was killed leaves it: on the list, with a report that has expired.
  await fixture.commands.sadd(`${fixture.prefix}{nodes}`, "died");
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
