/** Workers that are killed in the middle of many answers: how long a v2 user sees nothing new. */
import { once } from "node:events";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import {
  Cluster,
  type ClusterProcess,
  eventually,
  figuresOf,
  inWords,
  setClockBack,
  V2Client,
  type V2Run,
} from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { boundMs, sizeOf } from "../suites.ts";

const KILLS = sizeOf("worker-kill");
/** Clusters side by side, each with its own kills: the machine waits for leases most of the time. */
const LANES = 5;
const CLIENTS = 3;
const RUNS_PER_CLIENT = 4;
const BAR_MS = boundMs({ promised: 5_000, fault: 10_000 });

let simulator: Simulator;
let redis: Redis;
const clusters: Cluster[] = [];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  redis = new Redis(inject("redisUrl"));
  const gateway = simulatedGateway(simulator.url, { pool: { connections: 200 } });
  const redisUrl = inject("redisUrl");
  for (let lane = 0; lane < LANES; lane += 1) {
    const env = { LOG_LEVEL: "warn" };
    clusters.push(await Cluster.start({ redisUrl, gateway, edges: 1, workers: 2, env }));
  }
});

afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
  await simulator?.stop();
  redis?.disconnect();
});

interface Watched {
  readonly run: V2Run;
  readonly client: V2Client;
  readonly prompt: string;
  /** When text of the second attempt first came. */
  newTextAt: number | undefined;
}

/** Starts a run on a client whose frames are watched. */
async function begin(client: V2Client, seed: number): Promise<Watched> {
  const prompt = directive({ words: 45, gapMs: 50, seed });
  const run = await client.run(prompt, "zhipu");
  return { run, client, prompt, newTextAt: undefined };
}

async function beginAll(cluster: Cluster): Promise<{ watched: Watched[]; clients: V2Client[] }> {
  const byRun = new Map<string, Watched>();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => V2Client.connect(cluster.url())),
  );
  for (const client of clients) {
    client.onFrame = (frame) => {
      if (frame.type !== "delta") return;
      const watched = byRun.get(frame.run);
      if (watched && watched.run.restarts > 0) watched.newTextAt ??= performance.now();
    };
    for (let seed = 0; seed < RUNS_PER_CLIENT; seed += 1) {
      const watched = await begin(client, seed);
      byRun.set(watched.run.id, watched);
    }
  }
  return { watched: [...byRun.values()], clients };
}

/** The registry's name of a worker process. */
async function nodeOf(cluster: Cluster, { process }: ClusterProcess): Promise<string> {
  return eventually("the worker's report", async () => {
    const response = await fetch(`http://${cluster.host}/stats`);
    const { nodes } = (await response.json()) as {
      nodes: { workers: readonly { id: string; pid: number }[] };
    };
    return nodes.workers.find(({ pid }) => pid === process.pid)?.id;
  });
}

/** Whether a run is at work with a worker, by its record. */
async function isHeldBy(node: string, cluster: Cluster, { id }: V2Run): Promise<boolean> {
  const [worker, state] = await redis.hmget(`${cluster.keyPrefix}{0}:run:${id}`, "worker", "state");
  return worker === node && state === "active";
}

/** One kill: answers for every run that lost its worker how long its user saw nothing new. */
async function killUnderLoad(cluster: Cluster, meanwhile?: () => Promise<void>): Promise<number[]> {
  const [victim] = cluster.running("worker");
  if (!victim) throw new Error("no worker runs");
  const node = await nodeOf(cluster, victim);
  const { watched, clients } = await beginAll(cluster);
  await eventually("text everywhere", () => watched.every(({ run }) => run.text.length > 5), {
    withinMs: 20_000,
  });
  const exited = once(victim.process, "exit");
  victim.process.kill("SIGKILL");
  const killedAt = performance.now();
  await exited;
  await meanwhile?.();
  // What it still holds is lost: its lease lasts longer than this takes.
  const held = await Promise.all(watched.map(({ run }) => isHeldBy(node, cluster, run)));
  const lost = watched.filter((_, index) => held[index]);
  const back = cluster.add("worker");
  back.catch(() => undefined); // told below

  expect(lost.length).toBeGreaterThan(0);
  for (const { client, run, prompt } of watched) {
    expect(await client.end(run)).toMatchObject({ type: "done" });
    expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
    expect(run.terminals).toHaveLength(1);
  }
  for (const { run } of lost) expect(run.restarts).toBe(1);
  expect(clients.flatMap(({ faults }) => faults)).toEqual([]);
  for (const client of clients) client.close();
  await back;
  return lost.map(({ newTextAt = Number.POSITIVE_INFINITY }) => newTextAt - killedAt);
}

test(`kill -9 of a worker, ${KILLS} times: v2 users see new text within 5 s (p99), whole`, async () => {
  const waits: number[] = [];
  let left = KILLS;
  await Promise.all(
    clusters.map(async (cluster) => {
      while (left > 0) {
        left -= 1;
        waits.push(...(await killUnderLoad(cluster)));
      }
    }),
  );
  const figures = figuresOf(waits);
  console.log(`${KILLS} workers killed, kill to new text: ${inWords(figures)}`);
  expect(figures.p99).toBeLessThan(BAR_MS);
  await eventually("every one of them to be told of as lost", async () => {
    const seen = await Promise.all(clusters.map((cluster) => cluster.scrape("edge")));
    const lost = seen.map((one) => one.sum("openclaw_nodes_lost_total", { kind: "worker" }));
    return lost.reduce((sum, count) => sum + count, 0) >= KILLS;
  });
});

test("kill -9 of a worker while the clock of Redis is set back a minute: new text as soon as ever", async () => {
  const [cluster] = clusters;
  if (!cluster) throw new Error("no cluster runs");
  const waits = await killUnderLoad(cluster, () => setClockBack(redis, cluster.keyPrefix, 60_000));
  const figures = figuresOf(waits);
  console.log(`worker killed and the clock set back, kill to new text: ${inWords(figures)}`);
  expect(figures.max).toBeLessThan(BAR_MS);
});
