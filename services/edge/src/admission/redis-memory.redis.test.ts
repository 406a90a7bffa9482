import { createCommandConnection, createLogger } from "@openclaw/runtime";
import { createRedisFixture, eventually, type RedisFixture, TcpProxy } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { RedisMemory } from "./redis-memory.ts";

/** Far above the needs of any test: other tests use this Redis meanwhile. */
const PLENTY_BYTES = 64 * 1_024 ** 3;

const log = createLogger({ service: "test", level: "silent" });

let fixture: RedisFixture;
let redis: Redis;
const begun: RedisMemory[] = [];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  redis = new Redis(inject("redisUrl"));
});

afterEach(async () => {
  for (const memory of begun.splice(0)) await memory.stop();
  await redis.config("SET", "maxmemory", "0");
  redis.disconnect();
  await fixture.close();
});

async function begin(commands = fixture.commands): Promise<RedisMemory> {
  const memory = new RedisMemory({ redis: commands, log });
  begun.push(memory);
  await memory.start();
  return memory;
}

test("reports what Redis uses, and its limit", async () => {
  await redis.config("SET", "maxmemory", String(PLENTY_BYTES));
  const memory = await begin();
  const { usedBytes = 0, maxBytes } = await eventually("a look", () => memory.fullest);
  expect(maxBytes).toBe(PLENTY_BYTES);
  expect(usedBytes).toBeGreaterThan(500_000);
  expect(usedBytes).toBeLessThan(PLENTY_BYTES);
});

test("without a limit there is no sample of it", async () => {
  const memory = await begin();
  expect(await eventually("a look", () => memory.fullest)).toMatchObject({ maxBytes: undefined });
});

test("no caller waits for a silent Redis, and an unknown value is undefined", async () => {
  const { hostname: host, port } = new URL(inject("redisUrl"));
  const network = await TcpProxy.start({ host, port: Number(port) });
  const url = `redis://127.0.0.1:${network.port}`;
  const commands = createCommandConnection({ url, name: "test:commands", log });
  await commands.connect();
  network.silence();
  const beganAt = performance.now();
  const memory = await begin(commands);
  expect(performance.now() - beganAt).toBeLessThan(5_000);
  expect(memory.fullest).toBeUndefined();
  commands.disconnect();
  await network.stop();
});
