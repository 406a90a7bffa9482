/** Everything on a Redis Cluster of three masters, the streams in six partitions. */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, RedisCluster, V1Client, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const RUNS = 60;

let simulator: Simulator;
let redis: RedisCluster;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  redis = await RedisCluster.start();
  cluster = await Cluster.start({
    redisUrl: redis.url,
    gateway: simulatedGateway(simulator.url),
    env: { REDIS_PARTITIONS: "6" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await redis?.stop();
  await simulator?.stop();
});

const question = (seed: number) => directive({ words: 20, gapMs: 20, seed });
const answer = (seed: number) => answerFor({ prompt: question(seed), profile: "zhipu" });
const well = async () => (await fetch(`http://${cluster.host}/health`)).status === 200;

async function ask(seed: number): Promise<string> {
  const client = await V1Client.connect(cluster.url());
  const { text, terminal } = await client.ask(question(seed), "zhipu", 30_000);
  client.close();
  if (terminal.type !== "done") return terminal.code ?? terminal.type;
  return text === answer(seed) ? "done" : "wrong text";
}

test("answers runs of every partition, byte for byte, and spreads them over the masters", async () => {
  const client = await V2Client.connect(cluster.url());
  const runs = await Promise.all(
    Array.from({ length: RUNS }, async (_, seed) => {
      // One connection may have half of them open.
      const { run } = seed % 2 === 0 ? { run: await client.run(question(seed), "zhipu") } : {};
      return run ? { run, seed } : { outcome: await ask(seed) };
    }),
  );
  for (const { run, seed, outcome } of runs) {
    if (!run) expect(outcome).toBe("done");
    else {
      expect(await client.end(run)).toMatchObject({ type: "done" });
      expect(run.text).toBe(answer(seed));
    }
  }
  expect(client.faults).toEqual([]);
  client.close();
  for (const logs of await redis.keys(`${cluster.keyPrefix}*:log:*`)) {
    expect(logs).toBeGreaterThan(RUNS / 12);
  }
});

test("every edge tells how much memory the fullest master uses", async () => {
  const edges = cluster.running("edge").length;
  const used = (await cluster.scrape("edge")).sum("openclaw_redis_memory_used_bytes");
  // Redis alone takes about a megabyte.
  expect(used / edges).toBeGreaterThan(500_000);
});

test("every node knows every other, and a run resumes at whichever edge it comes to", async () => {
  const stats = await (await fetch(`http://${cluster.host}/stats`)).json();
  expect(stats).toMatchObject({
    nodes: { edges: [{}, {}], workers: [{}, {}] },
    attempts: { fenced: 0 },
  });
  const url = cluster.url("one-who-comes-back");
  const prompt = directive({ words: 60, gapMs: 50, seed: 1 });
  let client = await V2Client.connect(url);
  const run = await client.run(prompt, "zhipu");
  for (let times = 0; times < 3; times += 1) {
    await eventually("some text", () => run.text.length > 20 * (times + 1));
    client.terminate();
    client = await V2Client.connect(url);
    expect(await client.resume(run)).toMatchObject({ outcome: "replayed" });
  }
  expect(await client.end(run)).toMatchObject({ type: "done" });
  expect([run.text, client.faults]).toEqual([answerFor({ prompt, profile: "zhipu" }), []]);
  client.close();
});

test("cancels a run and its upstream", async () => {
  const { aborted } = simulator.stats().total;
  const client = await V2Client.connect(cluster.url());
  const run = await client.run(directive({ words: 300, gapMs: 50 }), "zhipu");
  await eventually("some text", () => run.text !== "");
  client.send({ type: "cancel", run: run.id });
  expect(await client.end(run)).toMatchObject({ type: "cancelled" });
  await eventually("the upstream to close", () => simulator.stats().total.aborted > aborted);
  client.close();
});

test("a master that stands still for 4 s is noticed, and all is well 3 s after it goes on", async () => {
  const long = directive({ words: 70, gapMs: 100, seed: 3 });
  const open = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const client = await V2Client.connect(cluster.url());
      return { client, run: await client.run(long, "zhipu") };
    }),
  );
  await eventually("text everywhere", () => open.every(({ run }) => run.text !== ""));
  redis.freeze(1);
  await eventually("/health to say so", async () => !(await well()), { withinMs: 4_000 });
  await delay(2_000);
  redis.thaw(1);
  await eventually("all to be well", well, { withinMs: 3_000 });
  expect(await Promise.all([4, 5, 6, 7, 8, 9].map(ask))).toEqual(Array(6).fill("done"));
  for (const { client, run } of open) {
    expect(await client.end(run, 40_000)).toMatchObject({ type: "done" });
    expect([run.text, client.faults]).toEqual([answerFor({ prompt: long, profile: "zhipu" }), []]);
    client.close();
  }
});
