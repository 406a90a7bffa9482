import { eventually, TcpProxy } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createLogger } from "./log.ts";
import { createCommandConnection, type RedisClient } from "./redis.ts";
import { RedisPulse } from "./redis-pulse.ts";

let network: TcpProxy;
let redis: RedisClient;
let pulse: RedisPulse;
let answeredMs: number[];

beforeEach(async () => {
  const { hostname: host, port } = new URL(inject("redisUrl"));
  network = await TcpProxy.start({ host, port: Number(port) });
  const log = createLogger({ service: "test", level: "silent" });
  redis = createCommandConnection({
    url: `redis://127.0.0.1:${network.port}`,
    name: "test:commands",
    log,
  });
  await redis.connect();
  answeredMs = [];
  pulse = new RedisPulse({
    redis,
    keys: ["a"],
    log,
    onAnswer: (afterMs) => answeredMs.push(afterMs),
  });
  await pulse.start();
});

afterEach(async () => {
  await pulse.stop();
  redis.disconnect();
  await network.stop();
});

test("stops when answers come late, starts again with the first that is in time", async () => {
  await eventually("a pulse", () => pulse.alive);
  network.latencyMs = 400;
  await eventually("no pulse", () => !pulse.alive, { withinMs: 5_000 });
  expect(redis.status).toBe("ready");
  network.latencyMs = 0;
  await eventually("a pulse again", () => pulse.alive, { withinMs: 2_000 });
  // Late answers are answers: the connection was kept.
  expect(network.accepted).toBe(1);
  expect(Math.max(...answeredMs)).toBeGreaterThanOrEqual(400);
  expect(Math.min(...answeredMs)).toBeLessThan(400);
});

test("stops within 2.5 s whatever the latency", async () => {
  for (const latencyMs of [300, 600, 900]) {
    network.latencyMs = 0;
    await eventually("a pulse", () => pulse.alive);
    network.latencyMs = latencyMs;
    await eventually("no pulse", () => !pulse.alive, { withinMs: 2_500 });
  }
});

test("lets a slow connection be made, and keeps it", async () => {
  network.latencyMs = 500;
  network.reset();
  await eventually("the loss", () => redis.status !== "ready");
  await eventually("the connection", () => redis.status === "ready", { withinMs: 5_000 });
  const made = network.accepted;
  await eventually("no pulse", () => !pulse.alive, { withinMs: 5_000 });
  expect(await redis.ping()).toBe("PONG");
  network.latencyMs = 0;
  await eventually("a pulse again", () => pulse.alive, { withinMs: 2_500 });
  expect(network.accepted).toBe(made);
});

test("replaces a connection that is cut without a word", async () => {
  network.silence();
  await eventually("a new connection", () => network.accepted === 2 && pulse.alive, {
    withinMs: 5_000,
  });
  expect(await redis.ping()).toBe("PONG");
});
