/** What a provider account may be asked for holds over the whole cluster, whatever it turns out to be. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V2Client, type V2Run } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;
let redis: Redis;
let client: V2Client;

beforeEach(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  redis = new Redis(inject("redisUrl"));
});

afterEach(async () => {
  client?.close();
  await cluster?.stop();
  await simulator?.stop();
  redis?.disconnect();
});

/** One provider, alone: nobody stands in for it. */
async function start(provider: Record<string, unknown>, workers = 1): Promise<void> {
  const { zhipu } = simulatedGateway(simulator.url).providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: { zhipu: { ...zhipu, ...provider } } },
    edges: 1,
    workers,
    env: { EDGE_MAX_RUNS_PER_CONNECTION: "1000", EDGE_QUEUE_TIMEOUT_MS: "60000" },
  });
  client = await V2Client.connect(cluster.url());
}

async function ask(seed: number, words = 5): Promise<{ run: V2Run; prompt: string }> {
  const prompt = directive({ words, gapMs: 20, seed });
  return { prompt, run: await client.run(prompt) };
}

async function expectWhole({ run, prompt }: { run: V2Run; prompt: string }): Promise<void> {
  expect(await client.end(run, 60_000)).toMatchObject({ type: "done" });
  expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
}

/** As BullMQ keeps it: what the whole cluster goes by. */
const limitNow = async () =>
  Number(await redis.hget(`${cluster.keyPrefix}{queue-zhipu}:runs:meta`, "concurrency"));

test("4 workers, 5 runs at once, 300 asked for together: the provider never sees a sixth, all are done", async () => {
  await start({ maxConcurrency: 5 }, 4);
  const asked = await Promise.all(Array.from({ length: 300 }, (_, seed) => ask(seed)));
  await Promise.all(asked.map(expectWhole));
  expect(simulator.stats().total).toMatchObject({ requests: 300, completed: 300, maxActive: 5 });
});

test("runs a minute: begun no sooner than the account allows", async () => {
  // One every 3 s.
  await start({ rpm: 20 }, 2);
  const beganAt = performance.now();
  const asked = await Promise.all(Array.from({ length: 3 }, (_, seed) => ask(seed, 1)));
  await Promise.all(asked.map(expectWhole));
  expect(performance.now() - beganAt).toBeGreaterThan(2 * 3_000);
});

test("an account that complains is asked once more when it said, while the user is told to wait", async () => {
  await start({});
  simulator.setFaults({ burst: { status: 429, requests: 1, every: 1_000, retryAfterS: 2 } });
  const beganAt = performance.now();
  const asked = await ask(1);
  await expectWhole(asked);
  expect(performance.now() - beganAt).toBeGreaterThan(2_000);
  expect(simulator.stats().total.requests).toBe(2);
  const frames = client.frames.filter((frame) => "run" in frame && frame.run === asked.run.id);
  expect(frames.map(({ type }) => type)).toContain("queued");
});

test("one that complains for longer than a user should wait says so to the user, who may come back then", async () => {
  await start({});
  simulator.setFaults({ burst: { status: 429, requests: 1, every: 1_000, retryAfterS: 60 } });
  const { run } = await ask(1);
  expect(await client.end(run)).toMatchObject({
    type: "error",
    code: "provider_rate_limited",
    retryable: true,
    retryAfterMs: 60_000,
  });
  expect(simulator.stats().total.requests).toBe(1);
});

test("an account that takes less than configured is asked for less, and for all of it again later", async () => {
  await start({ maxConcurrency: 20 }, 2);
  simulator.setFaults({ concurrency: { zhipu: 4 } });
  const asked = await Promise.all(Array.from({ length: 60 }, (_, seed) => ask(seed, 20)));
  const lowered = await eventually("fewer at once", async () => {
    const limit = await limitNow();
    return limit < 20 && limit;
  });
  expect(lowered).toBeLessThanOrEqual(10);
  const ends = await Promise.all(asked.map(({ run }) => client.end(run, 60_000)));
  const { requests } = simulator.stats().total;
  // Nobody is tried a third time.
  expect(requests).toBeLessThanOrEqual(2 * asked.length);
  const done = ends.filter(({ type }) => type === "done").length;
  console.log(
    `limit of 4 instead of 20: ${done} of 60 done, ${requests} requests, down to ${lowered}`,
  );
  simulator.setFaults({});
  await eventually("the whole limit", async () => (await limitNow()) === 20, { withinMs: 30_000 });
  await Promise.all((await Promise.all([ask(100), ask(101)])).map(expectWhole));
});
