/** Processes that die, stop and leave, and a Redis that dies, stops and forgets. All of them come back. */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Cluster, type FaultyRedis, type ServiceName, setClockBack } from "@openclaw/testing";
import { Redis } from "ioredis";
import { linger } from "./crowd.ts";
import type { History } from "./history.ts";
import type { Random } from "./random.ts";

/** A fault of a process every 5 s on average, one of Redis about every 20 s, a rollout about every 30 s. */
const BETWEEN_PROCESS_FAULTS_MS = [3_000, 7_000] as const;
const BETWEEN_REDIS_FAULTS_MS = [10_000, 30_000] as const;
const BETWEEN_ROLLOUTS_MS = [15_000, 40_000] as const;
/** As they come where Redis is far away and busy: later than an edge or worker waits before it tries again. */
const LATE_MS = 2_300;
export const CLOCK_SET_BACK = "redis' clock set back";
/** So much longer than it was to does everything last that was written before. */
export const CLOCK_SET_BACK_MS = 60_000;
/** A process that starts while Redis is away ends; a supervisor starts it again, and so do we. */
const START_TRIES = 20;

export interface FaultContext {
  readonly cluster: Cluster;
  readonly redis: FaultyRedis;
  readonly random: Random;
  readonly history: History;
  /** Aborts when no new fault is to begin. */
  readonly closing: AbortSignal;
}

/** Injects fault upon fault until `closing` aborts; resolves when everything runs again. */
export async function injectFaults(context: FaultContext): Promise<void> {
  const { random } = context;
  await Promise.all([
    processFaults({ ...context, random: random.fork() }),
    rollouts({ ...context, random: random.fork() }),
    redisFaults({ ...context, random: random.fork() }),
  ]);
}

async function processFaults(context: FaultContext): Promise<void> {
  const { random, closing } = context;
  const repairs: Promise<unknown>[] = [];
  for (;;) {
    await linger(random.between(...BETWEEN_PROCESS_FAULTS_MS), closing);
    if (closing.aborted) break;
    repairs.push(harmProcess(context));
  }
  await Promise.all(repairs);
}

/** Every process of a service is replaced in turn, as a deployment does it: the new one first. */
async function rollouts({ cluster, random, history, closing }: FaultContext): Promise<void> {
  const leaving: Promise<unknown>[] = [];
  for (let nth = 1; ; nth += 1) {
    await linger(random.between(...BETWEEN_ROLLOUTS_MS), closing);
    if (closing.aborted) break;
    const service = random.pick<ServiceName>(["edge", "worker"]);
    history.fault(`all of ${service} replaced`);
    // Whatever is started later is of the new build too.
    cluster.env.WORKER_BUILD = `build-${nth}`;
    for (const { process } of cluster.running(service)) {
      await startAnother(cluster, service);
      // A stopped process leaves when it goes on.
      if (process.exitCode === null && process.signalCode === null) {
        leaving.push(once(process, "exit"));
        process.kill("SIGTERM");
      }
    }
  }
  await Promise.all(leaving);
}

async function harmProcess({ cluster, random, history }: FaultContext): Promise<void> {
  const service = random.pick<ServiceName>(["edge", "worker"]);
  const signal = random.pick<NodeJS.Signals>(["SIGKILL", "SIGTERM", "SIGSTOP"]);
  const pauseMs = random.between(500, 10_000);
  const [first, ...rest] = cluster.running(service);
  // One of a kind always stays: a cluster without any is another test's business.
  if (!first || rest.length === 0) return;
  const { process } = random.pick([first, ...rest]);
  history.fault(`${signal} ${service}`);
  process.kill(signal);
  if (signal === "SIGSTOP") {
    await delay(pauseMs);
    process.kill("SIGCONT");
  } else {
    await delay(pauseMs / 5);
    await startAnother(cluster, service);
  }
}

async function startAnother(cluster: Cluster, service: ServiceName): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await cluster.add(service);
      return;
    } catch (error) {
      if (tries === START_TRIES) throw error;
      await delay(500);
    }
  }
}

/** One at a time: a Redis that is away cannot fail any further. */
async function redisFaults({
  cluster,
  redis,
  random,
  history,
  closing,
}: FaultContext): Promise<void> {
  const faults: Record<string, () => Promise<void>> = {
    "redis killed, back with its data": () => restart({ empty: false }),
    "redis killed, back empty": () => restart({ empty: true }),
    "redis stopped": async () => {
      redis.freeze();
      await delay(random.between(1_000, 8_000));
      redis.thaw();
    },
    "redis connections reset": async () => redis.network.reset(),
    "redis connections cut silently": async () => redis.network.silence(),
    "redis slow": async () => {
      redis.network.latencyMs = 500;
      await delay(random.between(1_000, 8_000));
      redis.network.latencyMs = 0;
    },
    [CLOCK_SET_BACK]: async () => {
      const direct = new Redis(redis.directUrl);
      await setClockBack(direct, cluster.keyPrefix, CLOCK_SET_BACK_MS).finally(() =>
        direct.disconnect(),
      );
    },
    "redis replies late": async () => {
      redis.network.latencyMs = LATE_MS;
      await delay(random.between(5_000, 10_000));
      redis.network.latencyMs = 0;
    },
  };
  const restart = async ({ empty }: { empty: boolean }) => {
    await redis.kill();
    await delay(random.between(200, 3_000));
    if (empty) history.forgot();
    await redis.restart({ empty });
  };
  for (;;) {
    await linger(random.between(...BETWEEN_REDIS_FAULTS_MS), closing);
    if (closing.aborted) return;
    // An object with entries gives at least one.
    const kinds = Object.keys(faults) as [string, ...string[]];
    const kind = random.pick(kinds);
    history.fault(kind);
    await faults[kind]?.();
  }
}
