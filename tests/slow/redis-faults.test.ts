/**
 * Redis dies, stands still, forgets, slows down, moves, or is cut off, under users who watch. Runs in flight go on or end
 * clearly. New ones are refused at once while it is away. All is well again within 3 s of its return, without a restart.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster, eventually, FaultyRedis } from "@openclaw/testing";
import { Redis } from "ioredis";
import { test as base, expect } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";
import {
  expectEveryRunEnded,
  expectRefusedWhileAway,
  expectWellAgain,
  openRuns,
  PROVIDERS,
  probe,
  type Seen,
  WELL_AGAIN_MS,
  watch,
} from "./outage.ts";

/** Share of a core that a process may take while it can only wait. */
const MOST_BUSY = 0.15;

/** Each test has a Redis and a cluster of its own. */
const ofItsOwn = base
  .extend("redis", async ({ onTestFinished }) => {
    const redis = await FaultyRedis.start();
    onTestFinished(() => redis.stop());
    return redis;
  })
  .extend("cluster", async ({ redis, onTestFinished }) => {
    const simulator = await startSimulator(profilesAt(INSTANT));
    onTestFinished(() => simulator.stop());
    const gateway = simulatedGateway(simulator.url);
    const cluster = await Cluster.start({ redisUrl: redis.url, gateway });
    onTestFinished(() => cluster.stop());
    return cluster;
  });

/** They mostly wait. In full each has the machine for itself. */
const test = sizeOf("redis-faults") > 1 ? ofItsOwn.concurrent : ofItsOwn;

test("killed, and back later with its data", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, async (awayMs) => {
    await redis.kill();
    await delay(awayMs);
    await redis.restart({ empty: false });
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("killed, and back later without any data", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, async (awayMs) => {
    await redis.kill();
    await delay(awayMs);
    await redis.restart({ empty: true });
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  // Runs in flight cannot become whole any more, and report it.
  await expectEveryRunEnded(seen, ["unavailable"]);
});

test("stands still for 8 s", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, async (awayMs) => {
    redis.freeze();
    await delay(Math.max(8_000, awayMs));
    redis.thaw();
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("answers every command 500 ms late, for 8 s", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, async (awayMs) => {
    redis.network.latencyMs = 500;
    await delay(Math.max(8_000, awayMs));
    redis.network.latencyMs = 0;
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("answers 500 ms late, and its connections are reset meanwhile", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, async () => {
    redis.network.latencyMs = 500;
    await delay(3_000);
    redis.network.reset();
    await delay(5_000);
    redis.network.latencyMs = 0;
  });
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("is cut off without a word", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, async () => redis.network.silence());
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("is full for 8 s", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, (awayMs) =>
    fullFor(redis, Math.max(8_000, awayMs)),
  );
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("has all its connections reset, three times", async ({ redis, cluster }) => {
  const seen = await watchCluster({ redis, cluster }, async () => {
    for (let times = 0; times < 3; times += 1) {
      redis.network.reset();
      await delay(500);
    }
  });
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("fails over to a replica, while old connections lead to the old master", async ({
  redis,
  cluster,
}) => {
  const seen = await watchCluster({ redis, cluster }, () => redis.failOver());
  expectWellAgain(seen);
  // Entries that were acknowledged a moment before may not have reached the replica.
  await expectEveryRunEnded(seen, ["done", "unavailable"]);
});

test("is away for 30 s: sockets stay, nothing spins, and every answer is whole in the end", async ({
  redis,
  cluster,
}) => {
  const open = await openRuns(cluster);
  const processes = [...cluster.running("edge"), ...cluster.running("worker")];
  await redis.kill();
  // The first seconds are those of finding out.
  await delay(5_000);
  const before = processes.map(({ process }) => cpuSeconds(process.pid));
  const beganAt = performance.now();
  await delay(25_000);
  const seconds = (performance.now() - beganAt) / 1_000;
  const busy = processes.map(
    ({ process }, index) => (cpuSeconds(process.pid) - (before[index] ?? 0)) / seconds,
  );
  console.log(
    `busy while away: ${busy.map((share) => `${(100 * share).toFixed(1)} %`).join(", ")}`,
  );
  expect(Math.max(...busy)).toBeLessThan(MOST_BUSY);
  await redis.restart({ empty: false });
  await eventually("an answer", async () => (await probe(cluster)).terminal.type === "done", {
    withinMs: WELL_AGAIN_MS,
  });
  await expectEveryRunEnded({ open }, ["done"]);
  expect([...cluster.running("edge"), ...cluster.running("worker")]).toEqual(processes);
});

test("throws off the subscribers while an edge stands still, which then fills the gap", async ({
  redis,
  cluster,
}) => {
  const direct = new Redis(redis.directUrl);
  const open = await openRuns(cluster);
  for (const { process } of cluster.running("edge")) {
    process.kill("SIGSTOP");
    // What Redis does to one whose messages pile up.
    expect(await direct.call("CLIENT", "KILL", "TYPE", "pubsub")).toBeGreaterThan(0);
    await delay(2_000);
    process.kill("SIGCONT");
  }
  direct.disconnect();
  await expectEveryRunEnded({ open }, ["done"]);
});

test("is full for 30 s, longer than an attempt waits: every answer is whole in the end, or says that it is not", async ({
  redis,
  cluster,
}) => {
  const open = await openRuns(cluster);
  await fullFor(redis, 30_000);
  await eventually("an answer", async () => (await probe(cluster)).terminal.type === "done", {
    withinMs: WELL_AGAIN_MS,
  });
  await expectEveryRunEnded({ open }, ["done", "interrupted"]);
});

/** It answers, and refuses whatever would take more memory. */
async function fullFor(redis: FaultyRedis, forMs: number): Promise<void> {
  const direct = new Redis(redis.directUrl);
  await direct.config("SET", "maxmemory", "1");
  await delay(forMs);
  await direct.config("SET", "maxmemory", "0");
  direct.disconnect();
}

interface WatchedCluster {
  readonly redis: FaultyRedis;
  readonly cluster: Cluster;
}

/** Watches, and judges what the processes of this cluster do meanwhile. */
async function watchCluster(
  { redis, cluster }: WatchedCluster,
  outage: (awayMs: number) => Promise<void>,
): Promise<Seen> {
  const before = redis.network.accepted;
  let reconnects = 0;
  const seen = await watch(cluster, async (awayMs) => {
    await outage(awayMs);
    reconnects = redis.network.accepted - before;
  });
  const seconds = (seen.backAt - seen.awayAt) / 1_000;
  const connections =
    cluster.running("edge").length * 2 + cluster.running("worker").length * (3 + PROVIDERS.length);
  // Each twice a second on average, and a first burst.
  expect(reconnects).toBeLessThan(connections * (6 + 4 * seconds));
  // Nothing was restarted for it.
  expect(cluster.processes("edge")).toEqual(cluster.running("edge"));
  expect(cluster.processes("worker")).toEqual(cluster.running("worker"));
  return seen;
}

/** What a process has used of the processor; the kernel counts in hundredths. */
function cpuSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
