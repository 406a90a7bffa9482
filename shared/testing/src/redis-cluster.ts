/** A Redis Cluster of one's own: masters without replicas, each a process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PrivateRedis, startPrivateRedis } from "@openclaw/runtime";
import { Redis } from "ioredis";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

const SLOTS = 16_384;
/** How long a master may be silent before the others call it failed. */
const NODE_TIMEOUT_MS = 2_000;

export class RedisCluster {
  readonly #directory: string;
  readonly #masters: PrivateRedis[];

  private constructor(directory: string, masters: PrivateRedis[]) {
    this.#directory = directory;
    this.#masters = masters;
  }

  /** Resolves once every master knows the others, and who has which slots. */
  static async start(masters = 3): Promise<RedisCluster> {
    const directory = await mkdtemp(join(tmpdir(), "openclaw-redis-cluster-"));
    const started = await Promise.all(
      Array.from({ length: masters }, (_, index) => startMaster(join(directory, String(index)))),
    );
    const cluster = new RedisCluster(directory, started);
    try {
      await cluster.#meet();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** For `REDIS_URL`. */
  get url(): string {
    return `redis+cluster://${this.#masters.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  }

  /** How many keys of this pattern each master has. */
  async keys(pattern: string): Promise<number[]> {
    const keys = (redis: Redis) => redis.keys(pattern);
    return Promise.all(this.#masters.map(async (one) => (await command(one, keys)).length));
  }

  /** A master stands still, its connections open. */
  freeze(master: number): void {
    this.#signal(master, "SIGSTOP");
  }

  thaw(master: number): void {
    this.#signal(master, "SIGCONT");
  }

  async stop(): Promise<void> {
    for (const master of this.#masters) {
      master.kill();
      await master.exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  #signal(master: number, signal: NodeJS.Signals): void {
    const { pid } = this.#masters[master] ?? {};
    if (pid === undefined) throw new RangeError(`there is no master ${master}`);
    process.kill(pid, signal);
  }

  async #meet(): Promise<void> {
    const [first] = this.#masters;
    const share = SLOTS / this.#masters.length;
    for (const [index, master] of this.#masters.entries()) {
      const range = [Math.ceil(index * share), Math.ceil((index + 1) * share) - 1];
      await command(master, async (redis) => {
        await redis.call("CLUSTER", "ADDSLOTSRANGE", ...range);
        if (first && master !== first) {
          const { port } = first;
          await redis.call("CLUSTER", "MEET", "127.0.0.1", port, await busPort(first));
        }
      });
    }
    const isWhole = (redis: Redis) => redis.cluster("INFO").then(String);
    for (const master of this.#masters) {
      await eventually(
        "the cluster to be whole",
        async () => {
          const info = await command(master, isWhole);
          return (
            info.includes("cluster_state:ok") &&
            info.includes(`cluster_known_nodes:${this.#masters.length}`)
          );
        },
        { withinMs: 15_000, everyMs: 100 },
      );
    }
  }
}

async function startMaster(directory: string): Promise<PrivateRedis> {
  return startPrivateRedis({
    directory,
    removeIfAbandoned: directory,
    extraArguments: [
      ...["--cluster-enabled", "yes", "--cluster-node-timeout", String(NODE_TIMEOUT_MS)],
      // Else it is its port and 10,000, which may be no port.
      ...["--cluster-port", String(await freePort())],
    ],
  });
}

async function busPort(master: PrivateRedis): Promise<number> {
  const setting = (redis: Redis) => redis.config("GET", "cluster-port");
  // A list of name and value.
  const [, port] = (await command(master, setting)) as [string, string];
  return Number(port);
}

async function command<T>({ url }: PrivateRedis, what: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await what(redis);
  } finally {
    redis.disconnect();
  }
}
