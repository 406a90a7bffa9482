/**
 * The whole cluster under processes that die, stop and leave, providers that fail, and clients that
 * vanish and come back, with users who check every byte. `npm run chaos -- --minutes M --seed S`.
 */
import { INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster, eventually } from "@openclaw/testing";
import { Redis } from "ioredis";
import { expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { injectFaults } from "./faults.ts";
import { History } from "./history.ts";
import { Random } from "./random.ts";
import { type Crowd, v1User, v2User } from "./users.ts";

const minutes = Number(process.env.CHAOS_MINUTES ?? 0.5);
const seed = Number(process.env.CHAOS_SEED ?? 1);
const USERS = Number(process.env.CHAOS_USERS ?? 40);

test(
  `no run is lost, stuck or wrong in ${minutes} minutes of chaos, seed ${seed}`,
  async () => {
    const random = new Random(seed);
    const history = new History();
    const simulator = await startSimulator(profilesAt(INSTANT));
    const timeouts = { firstTokenMs: 3_000, stallMs: 3_000, totalMs: 20_000 };
    const { zhipu, hunyuan, nvidia1 } = simulatedGateway(simulator.url, { timeouts }).providers;
    const cluster = await Cluster.start({
      redisUrl: inject("redisUrl"),
      gateway: {
        providers: {
          zhipu: { ...zhipu, fallback: ["hunyuan"] },
          hunyuan: { ...hunyuan, fallback: ["nvidia1"] },
          nvidia1: { ...nvidia1, fallback: ["zhipu"] },
        },
      },
      edges: 3,
      workers: 3,
      env: { LOG_LEVEL: "warn", EDGE_DRAIN_MS: "3000", WORKER_DRAIN_MS: "3000" },
    });
    const closing = AbortSignal.timeout(minutes * 60_000);
    const crowd: Crowd = {
      url: (session) => cluster.url(session),
      history,
      providers: ["zhipu", "hunyuan", "nvidia1"],
      closing,
    };
    try {
      await Promise.all([
        injectFaults(cluster, { random: random.fork(), history, closing }),
        ...Array.from({ length: USERS / 2 }, () => v1User(random.fork(), crowd)),
        ...Array.from({ length: USERS / 2 }, () => v2User(random.fork(), crowd)),
      ]);
      await expectNothingLeft(cluster, () => simulator.stats().total.active, history);
    } finally {
      await cluster.stop();
      await simulator.stop();
      console.log(history.report(seed));
    }
    expect(history.checked).toBeGreaterThan(minutes * 60);
    expect(history.violations).toEqual([]);
  },
  minutes * 60_000 + 180_000,
);

/** Every job and every upstream request is gone, and no key would stay for ever. */
async function expectNothingLeft(cluster: Cluster, upstreams: () => number, history: History) {
  await eventually("the last upstream to close", () => upstreams() === 0, {
    withinMs: 30_000,
  }).catch(() => history.violate("upstream left open", `${upstreams()} of them`));
  const redis = new Redis(inject("redisUrl"));
  try {
    const jobs = () => redis.keys(`${cluster.keyPrefix}{queue-*}:runs:????????-*`);
    await eventually("the last job to go", async () => (await jobs()).length === 0, {
      withinMs: 30_000,
    }).catch(async () => history.violate("job left behind", (await jobs()).join(" ")));
    for (const key of await redis.keys(`${cluster.keyPrefix}{0}:*`)) {
      if ((await redis.pttl(key)) === -1) history.violate("key left for ever", key);
    }
  } finally {
    redis.disconnect();
  }
}
