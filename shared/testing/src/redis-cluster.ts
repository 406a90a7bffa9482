/** A Redis Cluster of one's own, each node a process: masters, to which a test may add replicas. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type PrivateRedis, startPrivateRedis } from "@openclaw/runtime";
import { Redis } from "ioredis";
import { eventually } from "./eventually.ts";

const SLOTS = 16_384;
/** How long a node may be silent before the others call it failed, and a replica is promoted. */
const NODE_TIMEOUT_MS = 1_500;
const SETTLING = { withinMs: 15_000, everyMs: 100 };
const MIGRATE_TIMEOUT_MS = 5_000;
/** Keys that are moved by one command. */
const KEYS_PER_MOVE = 100;

/** Nodes go by their number: the masters from 0, then the replicas in the order they were added. */
export class RedisCluster {
  readonly #directory: string;
  readonly #nodes: PrivateRedis[];
  readonly #masters: readonly PrivateRedis[];
  readonly #killed = new Set<PrivateRedis>();

  private constructor(directory: string, masters: readonly PrivateRedis[]) {
    this.#directory = directory;
    this.#nodes = [...masters];
    this.#masters = masters;
  }

  /** Resolves once every master knows the others, and who has which slots. */
  static async start(masters = 3): Promise<RedisCluster> {
    const directory = await mkdtemp(join(tmpdir(), "openclaw-redis-cluster-"));
    const started = await Promise.all(
      Array.from({ length: masters }, (_, index) => startNode(join(directory, String(index)))),
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

  /** How many keys of this pattern each of the first masters has. */
  async keys(pattern: string): Promise<number[]> {
    const keys = (redis: Redis) => redis.keys(pattern);
    return Promise.all(this.#masters.map(async (one) => (await command(one, keys)).length));
  }

  /** The node that has the slot of this key, as the others know it. */
  async masterOf(key: string): Promise<number> {
    const port = await command(this.#living(), async (redis) => {
      const slot = await redis.cluster("KEYSLOT", key);
      const ranges = await redis.cluster("SLOTS");
      // Behind the range the master comes first: host, port and more.
      const [, , master] = ranges.find(([first, last]) => first <= slot && slot <= last) ?? [];
      return master?.[1];
    });
    return this.#nodes.findIndex((node) => node.port === port);
  }

  /** Adds a replica of this master; resolves once it has what the master has, and all would vote for it. */
  async addReplica(master: number): Promise<void> {
    const replica = await startNode(join(this.#directory, String(this.#nodes.length)));
    this.#nodes.push(replica);
    const of = this.#node(master);
    const id = await command(of, (redis) => redis.cluster("MYID"));
    await command(replica, async (redis) => {
      await meet(redis, of);
      await eventually("the replica to know its master", async () =>
        String(await redis.cluster("NODES")).includes(id),
      );
      await redis.cluster("REPLICATE", id);
      const isInStep = async () => (await redis.info("replication")).includes("link_status:up");
      await eventually("the replica to be in step", isInStep, SETTLING);
    });
    for (const node of this.#nodes) {
      await agree(node, "NODES", (nodes) => nodes.includes(`slave ${id}`));
    }
  }

  /** Moves the slot of this key to another master, with the keys in it, as `redis-cli --cluster reshard` does. */
  async moveSlot(key: string, to: number): Promise<void> {
    const [source, target] = [this.#node(await this.masterOf(key)), this.#node(to)];
    const slot = await command(source, (redis) => redis.cluster("KEYSLOT", key));
    const myId = (redis: Redis) => redis.cluster("MYID");
    const [sourceId, targetId] = [await command(source, myId), await command(target, myId)];
    await command(target, (redis) => redis.cluster("SETSLOT", slot, "IMPORTING", sourceId));
    await command(source, async (redis) => {
      await redis.cluster("SETSLOT", slot, "MIGRATING", targetId);
      for (;;) {
        const keys = await redis.cluster("GETKEYSINSLOT", slot, KEYS_PER_MOVE);
        if (keys.length === 0) break;
        const where = ["127.0.0.1", target.port, "", 0, MIGRATE_TIMEOUT_MS] as const;
        await redis.call("MIGRATE", ...where, "KEYS", ...keys);
      }
    });
    for (const node of [target, source]) {
      await command(node, (redis) => redis.cluster("SETSLOT", slot, "NODE", targetId));
    }
  }

  /** A node stands still, its connections open. */
  freeze(node: number): void {
    process.kill(this.#node(node).pid, "SIGSTOP");
  }

  thaw(node: number): void {
    process.kill(this.#node(node).pid, "SIGCONT");
  }

  /** Dies at once, as by `kill -9`. */
  async kill(node: number): Promise<void> {
    const killed = this.#node(node);
    this.#killed.add(killed);
    killed.kill();
    await killed.exited;
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes) {
      node.kill();
      await node.exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  #node(number: number): PrivateRedis {
    const node = this.#nodes[number];
    if (!node) throw new RangeError(`there is no node ${number}`);
    return node;
  }

  #living(): PrivateRedis {
    const living = this.#nodes.find((node) => !this.#killed.has(node));
    if (!living) throw new Error("every node was killed");
    return living;
  }

  async #meet(): Promise<void> {
    const first = this.#node(0);
    const share = SLOTS / this.#masters.length;
    for (const [index, master] of this.#masters.entries()) {
      const range = [Math.ceil(index * share), Math.ceil((index + 1) * share) - 1];
      await command(master, async (redis) => {
        await redis.call("CLUSTER", "ADDSLOTSRANGE", ...range);
        if (master !== first) await meet(redis, first);
      });
    }
    const known = `known_nodes:${this.#masters.length}`;
    for (const master of this.#masters) {
      const isWhole = (info: string) => info.includes("cluster_state:ok") && info.includes(known);
      await agree(master, "INFO", isWhole);
    }
  }
}

async function startNode(directory: string): Promise<PrivateRedis> {
  return startPrivateRedis({
    directory,
    removeIfAbandoned: directory,
    extraArguments: [
      ...["--cluster-enabled", "yes", "--cluster-node-timeout", String(NODE_TIMEOUT_MS)],
      // The other masters go on while one is away, as docs/deployment.md asks for.
      ...["--cluster-require-full-coverage", "no"],
      ...["--repl-diskless-sync-delay", "0"],
      // A replica stands for election however long its master has been away. By default it gives up after 25 s with
      // these settings, for good, where the first elections failed on a busy machine.
      ...["--cluster-replica-validity-factor", "0"],
      // Else it is its port and 10,000, which may be no port.
      ...["--cluster-port", String(await freePort())],
    ],
  });
}

async function meet(redis: Redis, other: PrivateRedis): Promise<void> {
  const setting = (of: Redis) => of.config("GET", "cluster-port");
  // A list of name and value.
  const [, busPort] = (await command(other, setting)) as [string, string];
  await redis.call("CLUSTER", "MEET", "127.0.0.1", other.port, busPort);
}

/** Resolves once `isSo` holds of what a node says about the cluster. */
async function agree(
  node: PrivateRedis,
  about: "INFO" | "NODES",
  isSo: (said: string) => boolean,
): Promise<void> {
  const ask = (redis: Redis) => redis.call("CLUSTER", about).then(String);
  await eventually("the nodes to agree", async () => isSo(await command(node, ask)), SETTLING);
}

async function command<T>({ url }: PrivateRedis, what: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await what(redis);
  } finally {
    redis.disconnect();
  }
}
