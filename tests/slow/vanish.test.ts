/** Users who vanish while they are written to: no process crashes, and all that they held is freed. */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client, V2Client } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";

const USERS = sizeOf("vanish");
const AT_ONCE = 100;
const MEGABYTE = 1024 * 1024;

let simulator: Simulator;
let cluster: Cluster;
let redis: Redis;

beforeEach(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  redis = new Redis(inject("redisUrl"));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 200 } }),
    edges: 1,
    workers: 1,
    env: { LOG_LEVEL: "warn", EDGE_RESUME_GRACE_MS: "500", RESUME_WINDOW_MS: "2000" },
  });
});

afterEach(async () => {
  await cluster?.stop();
  await simulator?.stop();
  redis?.disconnect();
});

test(`${USERS} users vanish in mid-answer: no crash, no run, upstream, key or memory stays`, async () => {
  const random = new Random(3);
  await crowd(AT_ONCE, random);
  const before = await residentBytes("edge");
  await crowd(USERS - AT_ONCE, random);
  expect(cluster.running("edge")).toHaveLength(1);
  expect(cluster.running("worker")).toHaveLength(1);
  await eventually("the last upstream to close", () => simulator.stats().total.active === 0, {
    withinMs: 15_000,
  });
  await eventually("the last run to end", async () => (await edge()).openRuns === 0, {
    withinMs: 15_000,
  });
  // Some may have come and gone between the edge's report and the end of the last run.
  await eventually("the last connection to be gone", async () => (await edge()).connections === 0, {
    withinMs: 15_000,
  });
  const left = () => redis.keys(`${cluster.keyPrefix}{0}:*`);
  await eventually("the last key to expire", async () => (await left()).length === 0, {
    withinMs: 15_000,
    everyMs: 100,
  });
  const grown = ((await residentBytes("edge")) - before) / MEGABYTE;
  console.log(`edge memory ${grown.toFixed(1)} MiB more after ${USERS} users`);
  expect(grown).toBeLessThan(64);
});

/** So many users in all, a bounded number of them at once. */
async function crowd(count: number, random: Random): Promise<void> {
  for (let come = 0; come < count; come += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => vanish(random.fork(), come + index)),
    );
  }
}

async function vanish(random: Random, index: number): Promise<void> {
  const prompt = directive({ words: 2_000, gapMs: 1, seed: index });
  const client = await (index % 2 ? V1Client : V2Client).connect(cluster.url());
  client.send(JSON.stringify(index % 2 ? { message: prompt } : request(prompt)));
  await delay(random.between(0, 300));
  client.terminate();
}

function request(message: string) {
  return { type: "run", ref: "1", message };
}

async function edge(): Promise<{ connections: number; openRuns: number }> {
  const response = await fetch(`http://${cluster.host}/stats`);
  const { nodes } = (await response.json()) as {
    nodes: { edges: { connections: number; openRuns: number }[] };
  };
  // The only one; its report may be due right now.
  return nodes.edges[0] ?? { connections: Number.NaN, openRuns: Number.NaN };
}

async function residentBytes(service: "edge"): Promise<number> {
  const [running] = cluster.running(service);
  const status = await readFile(`/proc/${running?.process.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
