/**
 * The whole cluster under faults, with users who check every byte. Processes die, stop, leave and are replaced; Redis
 * does the same and forgets. Providers fail, strangers are rude, and the data of runs is broken. Clients vanish, stop
 * reading and come back elsewhere. `npm run chaos -- --minutes M --seed S --users N`.
 */
import { setMaxListeners } from "node:events";
import { INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster, FaultyRedis } from "@openclaw/testing";
import { expect, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";
import { breakRuns } from "./broken-runs.ts";
import type { Crowd } from "./crowd.ts";
import { injectFaults } from "./faults.ts";
import { History } from "./history.ts";
import { judgeLeftovers } from "./leftovers.ts";
import { judgeProcesses } from "./processes.ts";
import { Purchases } from "./purchases.ts";
import { Random } from "./random.ts";
import { report } from "./report.ts";
import { rudeStrangers } from "./strangers.ts";
import { v1User } from "./v1-user.ts";
import { v2User } from "./v2-user.ts";

const minutes = Number(process.env.CHAOS_MINUTES ?? sizeOf("chaos"));
const seed = Number(process.env.CHAOS_SEED ?? 1);
const users = Number(process.env.CHAOS_USERS ?? 200);

/** A cluster that refuses every run violates no rule, so this much must succeed. */
const LEAST_RUNS_A_MINUTE = 600;
const LEAST_DONE = 0.6;
/** Of the runs without a cancel and without a fault of their providers. */
const LEAST_WHOLE = 0.995;
/** The process faults alone are 12 on average. */
const LEAST_FAULTS_A_MINUTE = 6;

const PROVIDERS = ["zhipu", "hunyuan", "nvidia1"] as const;
const RESUME_WINDOW_MS = 30_000;
const ENV = {
  // Connections that cannot move to another edge stay as long as the longest answer.
  EDGE_DRAIN_MS: "20000",
  EDGE_QUEUE_TIMEOUT_MS: "15000",
  RESUME_WINDOW_MS: String(RESUME_WINDOW_MS),
  WORKER_DRAIN_MS: "3000",
};

test(
  `no run is lost, stuck or wrong in ${minutes} minutes of chaos, seed ${seed}`,
  async () => {
    const random = new Random(seed);
    const history = new History();
    const purchases = new Purchases(history);
    const simulator = await startSimulator(profilesAt(INSTANT), {
      onChat: (profile, body) => purchases.began(promptOf(body), profile),
      onOver: (prompt) => purchases.over(prompt),
    });
    const redis = await FaultyRedis.start();
    const cluster = await Cluster.start({
      redisUrl: redis.url,
      gateway: gatewayAt(simulator.url),
      edges: 3,
      workers: 3,
      env: ENV,
    });
    const closing = AbortSignal.timeout(minutes * 60_000);
    setMaxListeners(0, closing);
    const url = (session?: string) => cluster.url(session);
    let questions = 0;
    const nextNumber = () => {
      questions += 1;
      return questions;
    };
    const crowd: Crowd = {
      url,
      history,
      purchases,
      providers: PROVIDERS,
      nextNumber,
      resumeWindowMs: RESUME_WINDOW_MS,
      closing,
    };
    try {
      await Promise.all([
        injectFaults({ cluster, redis, random: random.fork(), history, closing }),
        rudeStrangers({ host: cluster.host, random: random.fork(), history, closing }),
        breakRuns({
          redisUrl: () => redis.directUrl,
          keyPrefix: cluster.keyPrefix,
          windowMs: RESUME_WINDOW_MS,
          random: random.fork(),
          history,
          closing,
        }),
        ...Array.from({ length: users / 2 }, () => v1User(random.fork(), crowd)),
        ...Array.from({ length: users / 2 }, () => v2User(random.fork(), crowd)),
      ]);
      purchases.judgeWorkers(cluster.processes("worker"));
      judgeProcesses(cluster, history);
      await judgeLeftovers({
        redisUrl: redis.directUrl,
        keyPrefix: cluster.keyPrefix,
        resumeWindowMs: RESUME_WINDOW_MS,
        upstreams: () => simulator.stats().total.active,
        history,
      });
    } finally {
      await cluster.stop();
      await redis.stop();
      await simulator.stop();
      console.log(report(history, { seed, users }));
    }
    expect(history.checked).toBeGreaterThan(minutes * LEAST_RUNS_A_MINUTE);
    expect(history.doneShare).toBeGreaterThan(LEAST_DONE);
    expect(history.injected.length).toBeGreaterThan(minutes * LEAST_FAULTS_A_MINUTE);
    expect(history.violations).toEqual([]);
    expect(history.wholeShare, history.failed.slice(0, 20).join("\n")).toBeGreaterThan(LEAST_WHOLE);
  },
  minutes * 60_000 + 240_000,
);

/** Each provider with a fallback, in a circle. */
function gatewayAt(simulatorUrl: string) {
  const timeouts = { firstTokenMs: 3_000, stallMs: 3_000, totalMs: 20_000 };
  const { zhipu, hunyuan, nvidia1 } = simulatedGateway(simulatorUrl, { timeouts }).providers;
  return {
    providers: {
      zhipu: { ...zhipu, fallback: ["hunyuan"] },
      hunyuan: { ...hunyuan, fallback: ["nvidia1"] },
      nvidia1: { ...nvidia1, fallback: ["zhipu"] },
    },
  };
}

/** The last message of a request that the worker wrote. */
function promptOf(body: string): string {
  const { messages } = JSON.parse(body) as { messages: { content: string }[] };
  return messages.at(-1)?.content ?? "";
}
