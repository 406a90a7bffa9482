/** Everything on a Redis Cluster of three masters, the streams in six partitions. */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { StreamKeys } from "@openclaw/stream";
import { Cluster, eventually, RedisCluster, Refused, V1Client, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";
import { SteadyReader, silences } from "./steady-reader.ts";

const RUNS = 60;
const PARTITIONS = 6;
const SERVICES = ["edge", "worker"] as const;
/** Two runs at once; its queue lies on the same master as that of `zhipu`. */
const NARROW = "small";

let simulator: Simulator;
let redis: RedisCluster;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  redis = await RedisCluster.start();
  const { providers, defaultProvider } = simulatedGateway(simulator.url);
  const narrow = { ...providers.zhipu, maxConcurrency: 2 };
  cluster = await Cluster.start({
    redisUrl: redis.url,
    gateway: { providers: { ...providers, [NARROW]: narrow }, defaultProvider },
    env: { REDIS_PARTITIONS: String(PARTITIONS) },
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
/** Whether every edge and worker says so of itself. */
async function allWell(): Promise<boolean> {
  const processes = SERVICES.flatMap((service) => cluster.running(service));
  const answers = await Promise.all(processes.map(({ admin }) => fetch(admin("/readyz"))));
  return answers.every(({ ok }) => ok);
}

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
  await eventually("all to be well", allWell, { withinMs: 3_000 });
  expect(await Promise.all([4, 5, 6, 7, 8, 9].map(ask))).toEqual(Array(6).fill("done"));
  for (const { client, run } of open) {
    expect(await client.end(run, 40_000)).toMatchObject({ type: "done" });
    expect([run.text, client.faults]).toEqual([answerFor({ prompt: long, profile: "zhipu" }), []]);
    client.close();
  }
});

const read = (prompt: string, provider = "zhipu") =>
  SteadyReader.start(cluster.url(), prompt, provider);

async function readers(words: number): Promise<SteadyReader[]> {
  const prompts = Array.from({ length: 18 }, (_, seed) => directive({ words, gapMs: 50, seed }));
  const open = await Promise.all(prompts.map((prompt) => read(prompt)));
  await eventually("text everywhere", () => open.every(({ run }) => run.text !== ""));
  return open;
}

/** How often a node threw away its whole subscription. */
const rebuilds = () =>
  SERVICES.flatMap((service) => cluster.logs(service, "subscription is dead, connecting anew"))
    .length;

test("a slot that moves in mid-answer takes its partition's runs along, and deafens no other", async () => {
  const before = rebuilds();
  const keys = new StreamKeys({ prefix: cluster.keyPrefix, partitions: PARTITIONS });
  const open = await readers(60);
  const partition = keys.partitionOf(open[0]?.run.id ?? "");
  const key = keys.channelPrefix(partition);
  const target = ((await redis.masterOf(key)) + 1) % 3;
  await redis.moveSlot(key, target);
  for (const reader of open) expect(await reader.end()).toEqual({ outcome: "done", faults: [] });
  expect(await redis.masterOf(key)).toBe(target);
  expect(rebuilds()).toBe(before);
  const isMoved = (run: string) => keys.partitionOf(run) === partition;
  console.log(`a slot moved: ${silences(open, isMoved)}`);
});

/** Asks for a short answer. Says when that was accepted or refused, and what became of it. */
async function knock(since: number): Promise<{ atMs: number; outcome: string }> {
  const passed = () => Math.round(performance.now() - since);
  try {
    const reader = await read(directive({ words: 3, gapMs: 10 }));
    const atMs = passed();
    return { atMs, outcome: (await reader.end()).outcome };
  } catch (error) {
    if (error instanceof Refused) return { atMs: passed(), outcome: error.code };
    throw error;
  }
}

test("a master that dies in mid-answer is replaced by its replica: runs and queues go on, new runs within seconds", async () => {
  const before = rebuilds();
  const victim = await redis.masterOf("{queue-zhipu}");
  expect(await redis.masterOf(`{queue-${NARROW}}`)).toBe(victim);
  await redis.addReplica(victim);
  const open = await readers(120);
  const short = directive({ words: 10, gapMs: 100 });
  const queued = await Promise.all(Array.from({ length: 6 }, () => read(short, NARROW)));
  const keys = new StreamKeys({ prefix: cluster.keyPrefix, partitions: PARTITIONS });
  const masters = await Promise.all(keys.probes.map((key) => redis.masterOf(key)));

  await redis.kill(victim);
  const killedAt = performance.now();
  const knocks: Awaited<ReturnType<typeof knock>>[] = [];
  const knocking: Promise<unknown>[] = [];
  let electedMs: number | undefined;
  const isOpen = async () => {
    knocking.push(knock(killedAt).then((one) => knocks.push(one)));
    const master = await redis.masterOf("{queue-zhipu}");
    if (master !== victim && master !== -1) electedMs ??= performance.now() - killedAt;
    return electedMs !== undefined && knocks.some(({ outcome }) => outcome === "done");
  };
  // An election may fail and be held again, which is the time of Redis.
  await eventually("a new run", isOpen, { withinMs: 25_000, everyMs: 200 }).catch((cause) => {
    throw new Error(`elected after ${electedMs} ms; ${JSON.stringify(knocks)}`, { cause });
  });
  const openMs = Math.min(
    ...knocks.filter(({ outcome }) => outcome === "done").map(({ atMs }) => atMs),
  );
  expect(openMs - (electedMs ?? Number.NaN)).toBeLessThan(4_000);
  await eventually("all to be well", allWell, { withinMs: 3_000 });
  expect(await Promise.all([4, 5, 6, 7, 8, 9].map(ask))).toEqual(Array(6).fill("done"));

  const ends = await Promise.all([...open, ...queued].map((reader) => reader.end()));
  await Promise.all(knocking);
  // What the replica had not heard of yet is lost, and so is then the run.
  const honest = { outcome: expect.stringMatching(/^(done|unavailable)$/), faults: [] };
  expect(ends).toEqual(ends.map(() => honest));
  expect(ends.filter(({ outcome }) => outcome === "done").length).toBeGreaterThan(20);
  expect(knocks.map(({ outcome }) => ({ outcome, faults: [] }))).toEqual(knocks.map(() => honest));
  expect(rebuilds()).toBe(before);
  const isConcerned = (run: string) => masters[keys.partitionOf(run)] === victim;
  const when = (wanted: boolean) =>
    knocks.filter(({ outcome }) => (outcome === "done") === wanted).map(({ atMs }) => atMs);
  console.log(
    `a master died, and its replica took over after ${Math.round(electedMs ?? Number.NaN)} ms: ` +
      `${silences(open, isConcerned)}; new runs refused after ${when(false)} ms, ` +
      `accepted after ${when(true)} ms`,
  );
});
