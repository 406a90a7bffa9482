/**
 * What runs and chunks cost each process: `npm run bench -- costs`, after `npm run build`.
 *
 * CPU time and memory, which other load of the machine changes little, of one edge, one worker and one Redis. Users
 * and the provider are in this process, which is not counted.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCommandConnection, createLogger, startPrivateRedis } from "@openclaw/runtime";
import { createSimulator, directive, INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster } from "../shared/testing/src/cluster.ts";
import { V2Client } from "../shared/testing/src/v2-client.ts";

const USERS = 100;
const SHORT = { rounds: 20, words: 1 };
const LONG = { rounds: 3, words: 300 };
const GAP_MS = 20;
const IDLE_MS = 3_000;
const CONNECTIONS = 8_000;
const WHO = ["edge", "worker", "redis"] as const;

/** Seconds of CPU time since each began. */
type Cpu = Readonly<Record<(typeof WHO)[number], number>>;

interface Load {
  readonly runs: number;
  readonly chunks: number;
  readonly cpu: Cpu;
}

const log = createLogger({ service: "bench", level: "silent" });
const directory = await mkdtemp(join(tmpdir(), "openclaw-bench-"));
const redis = await startPrivateRedis({ directory, removeIfAbandoned: directory });
const commands = createCommandConnection({ url: redis.url, name: "bench", log });
await commands.connect();
const simulator = createSimulator({ port: 0, profiles: profilesAt(INSTANT) });
await simulator.start();
const provider = {
  kind: "zhipu",
  baseUrl: `${simulator.url}/zhipu/v1`,
  apiKey: "simulated",
  model: "m",
  maxConcurrency: 1_000,
  pool: { warm: USERS, connections: USERS },
};
const cluster = await Cluster.start({
  redisUrl: redis.url,
  gateway: { providers: { zhipu: provider } },
  edges: 1,
  workers: 1,
  env: { LOG_LEVEL: "info" },
});
try {
  await bench();
} finally {
  await cluster.stop();
  await simulator.stop();
  commands.disconnect();
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const users = await arrive(USERS);
  const connection = await memoryOfConnections();
  // The first load compiles and opens; that is no cost of later ones.
  await load(users, SHORT);
  const idle = await cpuOf(() => new Promise((resolve) => setTimeout(resolve, IDLE_MS)));
  const idlePerMs = scaled(idle, 1 / IDLE_MS);
  const short = await load(users, SHORT, idlePerMs);
  const long = await load(users, LONG, idlePerMs);
  const rows = Object.fromEntries(
    WHO.map((who) => {
      const run = short.cpu[who] / short.runs;
      const chunk = (long.cpu[who] - run * long.runs) / (long.chunks - long.runs);
      const each = LONG.words * chunk + run;
      return [
        who,
        {
          "idle, % of a core": (idlePerMs[who] * 1e5).toFixed(1),
          "ms a run": (run * 1e3).toFixed(2),
          "µs a chunk": (chunk * 1e6).toFixed(1),
          [`runs of ${LONG.words} chunks a second on a core`]: Math.floor(1 / each),
        },
      ];
    }),
  );
  console.table(rows);
  console.log(`an open connection: ${(connection / 1_024).toFixed(1)} KiB of its edge's memory`);
  for (const user of users) user.close();
}

function arrive(count: number): Promise<V2Client[]> {
  return Promise.all(Array.from({ length: count }, () => V2Client.connect(cluster.url())));
}

/** In bytes each; before there is any garbage to take their place. */
async function memoryOfConnections(): Promise<number> {
  const before = await memory();
  const opened = await arrive(CONNECTIONS);
  const bytes = ((await memory()) - before) / CONNECTIONS;
  for (const user of opened) user.close();
  return bytes;
}

/** Every user asks so many times. */
async function load(
  users: readonly V2Client[],
  { rounds, words }: typeof SHORT,
  idlePerMs: Cpu = { edge: 0, worker: 0, redis: 0 },
): Promise<Load> {
  const chunks = async () =>
    (await cluster.scrape("worker")).sum(
      "gen_ai_client_operation_time_per_output_chunk_seconds_count",
    );
  const before = await chunks();
  const asking = async (user: V2Client, seed: number) => {
    for (let round = 0; round < rounds; round += 1) {
      const run = await user.run(directive({ words, gapMs: GAP_MS, seed }), "zhipu");
      await user.end(run);
    }
  };
  const startedAt = performance.now();
  const cpu = await cpuOf(() => Promise.all(users.map(asking)));
  const idle = scaled(idlePerMs, performance.now() - startedAt);
  const runs = users.length * rounds;
  return { runs, chunks: (await chunks()) - before + runs, cpu: minus(cpu, idle) };
}

async function cpuOf(work: () => Promise<unknown>): Promise<Cpu> {
  const before = await cpu();
  await work();
  return minus(await cpu(), before);
}

async function cpu(): Promise<Cpu> {
  const [edge, worker] = await Promise.all([cluster.scrape("edge"), cluster.scrape("worker")]);
  const info = await commands.info("cpu");
  const used = (what: string) => Number(new RegExp(`used_cpu_${what}:(\\S+)`).exec(info)?.[1]);
  return {
    edge: edge.sum("process_cpu_seconds_total"),
    worker: worker.sum("process_cpu_seconds_total"),
    redis: used("user") + used("sys"),
  };
}

async function memory(): Promise<number> {
  return (await cluster.scrape("edge")).sum("process_resident_memory_bytes");
}

function minus(a: Cpu, b: Cpu): Cpu {
  return { edge: a.edge - b.edge, worker: a.worker - b.worker, redis: a.redis - b.redis };
}

function scaled({ edge, worker, redis }: Cpu, by: number): Cpu {
  return { edge: edge * by, worker: worker * by, redis: redis * by };
}
