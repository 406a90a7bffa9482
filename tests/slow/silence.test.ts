/** Those that fall silent without a word: a worker that is stopped for a while, peers without a network. */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, TcpProxy, V1Client, V2Client, type V2Run } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";

const STOPPED_MS = 10_000;
const USERS = 12;
/** Some answers end while the worker is stopped, some long after it has woken. */
const WORDS = [60, 300];
const GAP_MS = 50;

let redis: Redis;
const simulators: Simulator[] = [];
const clusters: Cluster[] = [];

beforeAll(() => {
  redis = new Redis(inject("redisUrl"));
});

afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
  await Promise.all(simulators.map((simulator) => simulator.stop()));
  redis?.disconnect();
});

async function start(options: { workers: number; env?: Record<string, string> }) {
  const simulator = await startSimulator(profilesAt(INSTANT));
  simulators.push(simulator);
  const cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 200 } }),
    edges: 1,
    ...options,
  });
  clusters.push(cluster);
  return { simulator, cluster };
}

interface Stats {
  readonly connections: number;
  readonly attempts: Readonly<Record<string, number>>;
  readonly nodes: { readonly workers: readonly { readonly id: string; readonly pid: number }[] };
}

async function statsOf({ host }: Cluster): Promise<Stats> {
  return (await fetch(`http://${host}/stats`)).json() as Promise<Stats>;
}

/** How many open runs each worker holds, by its name in the registry. */
async function openRunsByWorker({ keyPrefix }: Cluster): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const key of await redis.keys(`${keyPrefix}{0}:run:*`)) {
    const [worker, state] = await redis.hmget(key, "worker", "state");
    if (worker && state === "active") counts.set(worker, (counts.get(worker) ?? 0) + 1);
  }
  return counts;
}

async function busiestWorker(cluster: Cluster) {
  const { nodes } = await statsOf(cluster);
  const held = await openRunsByWorker(cluster);
  const [busiest] = nodes.workers
    .map(({ id, pid }) => ({ node: id, pid, held: held.get(id) ?? 0 }))
    .toSorted((a, b) => b.held - a.held);
  if (!busiest) throw new Error("no worker runs");
  return busiest;
}

async function expectWholeV1(client: V1Client, prompt: string): Promise<void> {
  const { text, terminal } = await client.reply(40_000);
  expect(terminal).toEqual({ type: "done" });
  expect(text).toBe(answerFor({ prompt, profile: "zhipu" }));
  expect(client.unclaimedSignals).toBe(0);
}

async function expectWholeV2(client: V2Client, run: V2Run, prompt: string): Promise<void> {
  expect(await client.end(run, 40_000)).toMatchObject({ type: "done" });
  expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
  expect(run.restarts).toBeLessThanOrEqual(1);
}

test.concurrent("a worker stopped for 10 s and woken writes nothing more: its attempts count as fenced", async () => {
  const { cluster, simulator } = await start({ workers: 2 });
  const prompts = Array.from({ length: USERS }, (_, seed) =>
    directive({ words: WORDS[seed % WORDS.length] ?? 0, gapMs: GAP_MS, seed }),
  );
  const framed = await V2Client.connect(cluster.url());
  const users = await Promise.all(
    prompts.map(async (prompt) => {
      const old = await V1Client.connect(cluster.url());
      old.say(prompt, "zhipu");
      return { prompt, old, run: await framed.run(prompt, "zhipu") };
    }),
  );
  await eventually("text everywhere", () =>
    users.every(({ old, run }) => old.textSoFar !== "" && run.text !== ""),
  );
  const { node, pid, held } = await busiestWorker(cluster);
  process.kill(pid, "SIGSTOP");
  expect((await openRunsByWorker(cluster)).get(node)).toBe(held);
  await delay(STOPPED_MS);
  process.kill(pid, "SIGCONT");

  await Promise.all(
    users.flatMap(({ prompt, old, run }) => [
      expectWholeV1(old, prompt),
      expectWholeV2(framed, run, prompt),
    ]),
  );
  await eventually(
    "fenced attempts",
    async () => (await statsOf(cluster)).attempts.fenced === held,
  );
  expect(framed.faults).toEqual([]);
  for (const { run } of users) expect(run.terminals).toHaveLength(1);
  for (const { old } of users) expect([old.unclaimedSignals, old.textSoFar]).toEqual([0, ""]);
  const letGo = cluster.logs("worker", "attempt let go");
  expect(letGo.filter(({ reason }) => reason === "fenced")).toHaveLength(held);
  expect(simulator.stats().total.active).toBe(0);
  console.log(
    `worker stopped for ${STOPPED_MS / 1_000} s: ${held} attempts fenced, ${2 * USERS} answers whole, 0 stale bytes`,
  );
  framed.close();
  for (const { old } of users) old.close();
});

test.concurrent("a peer without a network is dropped within 45 s, its upstream closed after the grace", async () => {
  const { cluster, simulator } = await start({
    workers: 1,
    env: { EDGE_RESUME_GRACE_MS: "1000" },
  });
  const [host = "", port] = cluster.host.split(":");
  const proxy = await TcpProxy.start({ host, port: Number(port) });
  const near = `ws://127.0.0.1:${proxy.port}/ws/stream`;
  const [old, framed] = [await V1Client.connect(near), await V2Client.connect(near)];
  const idle = [await V1Client.connect(near), await V2Client.connect(near)];
  const prompt = directive({ words: 2_000, gapMs: 50 });
  old.say(prompt, "zhipu");
  const run = await framed.run(prompt, "zhipu");
  await eventually("text", () => old.textSoFar !== "" && run.text !== "");
  await eventually("four", async () => (await statsOf(cluster)).connections === 4);

  proxy.silence();
  const silentAt = performance.now();
  const droppedAfter: number[] = [];
  await eventually(
    "every connection to be dropped",
    async () => {
      const { connections } = await statsOf(cluster);
      while (droppedAfter.length < 4 - connections) droppedAfter.push(performance.now() - silentAt);
      return connections === 0;
    },
    { withinMs: 60_000, everyMs: 200 },
  );
  await eventually("both upstreams to close", () => simulator.stats().total.aborted === 2);
  const closedAfterMs = performance.now() - silentAt;
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  console.log(
    `half-open peers dropped after ${droppedAfter.map(seconds).join(", ")} s, upstreams closed after ${seconds(closedAfterMs)} s`,
  );
  // Figures in /stats are up to a second old.
  expect(Math.max(...droppedAfter)).toBeLessThan(45_000 + 1_000);
  for (const client of [old, framed, ...idle]) client.terminate();
  await proxy.stop();
});
