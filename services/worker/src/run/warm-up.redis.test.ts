import diagnostics from "node:diagnostics_channel";
import { createCommandConnection, createLogger } from "@openclaw/runtime";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { warmUp } from "./warm-up.ts";

const tcp = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"));

let fixture: RedisFixture;

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
});

afterEach(() => fixture.close());

/** What is asked of providers meanwhile, and what is said of it. */
async function warmedUp({ redis = fixture.commands, maxMs = 10_000 } = {}) {
  const hosts: string[] = [];
  const onRequest = (message: unknown) => {
    const { request } = message as { request: { origin: string } };
    hosts.push(new URL(request.origin).hostname);
  };
  diagnostics.subscribe("undici:request:create", onRequest);
  onTestFinished(() => void diagnostics.unsubscribe("undici:request:create", onRequest));
  const warnings: unknown[] = [];
  const log = { warn: (fields: unknown) => void warnings.push(fields) };
  await warmUp({ redis, keyPrefix: fixture.prefix, partitions: 4, log, maxMs });
  return { hosts, warnings };
}

test("answers some runs over loopback alone, says nothing and leaves nothing open", async () => {
  const before = tcp();
  const { hosts, warnings } = await warmedUp();
  expect(hosts.length).toBeGreaterThan(1);
  expect(new Set(hosts)).toEqual(new Set(["127.0.0.1"]));
  expect(warnings).toEqual([]);
  await eventually("its sockets closed", () => tcp().length <= before.length);
});

test("goes all the way to the end of a run, apart from those of users, and is forgotten soon", async () => {
  await warmedUp();
  const records = await fixture.commands.keys(`${fixture.prefix}*:run:*`);
  expect(records.length).toBeGreaterThan(1);
  for (const key of records) {
    expect(key.startsWith(`${fixture.prefix}warm-up:`)).toBe(true);
    expect(await fixture.commands.hget(key, "state")).toBe("completed");
  }
  const left = async () => (await fixture.commands.keys(`${fixture.prefix}*`)).length;
  await eventually("nothing left", async () => (await left()) === 0, { withinMs: 3_000 });
});

test("without Redis it is over in the time that it has, and says so", async () => {
  const log = createLogger({ service: "test", level: "silent" });
  const away = createCommandConnection({ url: "redis://127.0.0.1:1", name: "test:away", log });
  const begunAt = performance.now();
  const { warnings } = await warmedUp({ redis: away, maxMs: 500 });
  expect(performance.now() - begunAt).toBeLessThan(5_000);
  expect(warnings).toHaveLength(1);
  away.disconnect();
});
