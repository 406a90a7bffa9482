/** Rolling deploys under answers that take longer than a deploy: a new process first, then an old one leaves. */
import { once } from "node:events";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, type ClusterProcess, eventually, type ServiceName } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { boundMs, isFull, sizeOf } from "../suites.ts";
import { KINDS, RolloutReader } from "./rollout-readers.ts";

const RUNS = sizeOf("rollout");
const OF_EACH = 3;
const GAP_MS = 100;
/** In full as long as an answer may well be, with the settings that are shipped. */
const ANSWER_S = isFull ? 70 : 8;
const DRAINS: Record<string, string> = isFull
  ? {}
  : { WORKER_DRAIN_MS: "60000", EDGE_DRAIN_MS: "60000" };
/** The grace of every platform. */
const LEFT_WITHIN_MS = boundMs({ promised: 140_000, fault: 280_000 });

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
});

afterAll(() => simulator?.stop());

async function startCluster(env: Record<string, string>): Promise<Cluster> {
  const cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    edges: OF_EACH,
    workers: 0,
    env,
  });
  const add = () => cluster.add("worker", { WORKER_BUILD: "old" });
  await Promise.all(Array.from({ length: OF_EACH }, add));
  return cluster;
}

/** Readers of each kind in turn, each with an answer of its own that has begun. */
async function startReaders(cluster: Cluster, seconds: number): Promise<RolloutReader[]> {
  const readers = await Promise.all(
    Array.from({ length: RUNS }, (_, seed) => {
      const kind = KINDS[seed % KINDS.length] ?? "v2";
      const words = Math.round((seconds * 1_000) / GAP_MS);
      return RolloutReader.start(kind, cluster, directive({ words, gapMs: GAP_MS, seed }));
    }),
  );
  await eventually("text everywhere", () => readers.every(({ hasBegun }) => hasBegun), {
    withinMs: 30_000,
  });
  return readers;
}

/** Tells a process to leave; resolves with how it left. */
async function leave({ process }: ClusterProcess): Promise<unknown[]> {
  const exited = once(process, "exit");
  process.kill("SIGTERM");
  return exited;
}

/** Replaces all of one kind; resolves when the old ones are told to leave, with how they left. */
async function replaceAll(cluster: Cluster, service: ServiceName): Promise<Promise<unknown[]>[]> {
  const left: Promise<unknown[]>[] = [];
  for (const old of cluster.running(service)) {
    await cluster.add(service, service === "worker" ? { WORKER_BUILD: "new" } : {});
    left.push(leave(old));
  }
  return left;
}

async function readAll(readers: readonly RolloutReader[], what: string): Promise<void> {
  const wrong = await Promise.all(readers.map((reader) => reader.end()));
  const figures = KINDS.map((kind) => {
    const own = readers.filter((reader) => reader.kind === kind);
    const silence = Math.max(...own.map(({ longestSilenceMs }) => longestSilenceMs));
    const restarts = own.reduce((sum, reader) => sum + reader.restarts, 0);
    return `${kind} ${own.length} of them, ${silence} ms, ${restarts} begun anew`;
  });
  console.log(`${what}, longest silence: ${figures.join("; ")}`);
  expect(wrong.filter((one) => one !== undefined)).toEqual([]);
}

describe.concurrent(`${RUNS} answers of ${ANSWER_S} s under a rolling deploy`, () => {
  test.each(["worker", "edge"] as const)(
    `of ${OF_EACH} %ss: all are whole, none is begun anew`,
    async (service) => {
      const cluster = await startCluster(DRAINS);
      try {
        const readers = await startReaders(cluster, ANSWER_S);
        const startedAt = performance.now();
        const left = await replaceAll(cluster, service);
        await readAll(readers, `${OF_EACH} ${service}s replaced`);
        expect(Math.max(...readers.map(({ restarts }) => restarts))).toBe(0);
        // In good order, within the grace.
        expect(await Promise.all(left)).toEqual(Array(OF_EACH).fill([0, null]));
        expect(performance.now() - startedAt).toBeLessThan(LEFT_WITHIN_MS);
      } finally {
        await cluster.stop();
      }
    },
  );
});

test(`${RUNS} answers that outlast the drain of workers which leave one after the other are begun anew once, by new workers`, async () => {
  const cluster = await startCluster({ WORKER_DRAIN_MS: "3000" });
  try {
    const old = cluster.running("worker");
    // A rollout that is taken back: the new build leaves. Its sign outlasts the start of the readers.
    const tried = await cluster.add("worker", { WORKER_BUILD: "new", WORKER_DRAIN_MS: "120000" });
    expect(await leave(tried)).toEqual([0, null]);
    // Rolled out again, the new ones are there, and take nothing until the old ones leave.
    const add = () => cluster.add("worker", { WORKER_BUILD: "new" });
    await Promise.all(Array.from({ length: OF_EACH }, add));
    const held = () => cluster.logs("worker", "taking no more runs, another build does");
    await eventually("no new one to take runs", () => held().length === OF_EACH);
    const readers = await startReaders(cluster, 20);
    for (const one of old) expect(await leave(one)).toEqual([0, null]);
    await readAll(readers, "workers replaced that drain 3 s");
    expect(Math.max(...readers.map(({ restarts }) => restarts))).toBe(1);
    const attempts = cluster.logs("edge", "run finished").map((line) => line.attempts);
    expect(attempts.filter((count) => Number(count) > 2)).toEqual([]);
  } finally {
    await cluster.stop();
  }
});
