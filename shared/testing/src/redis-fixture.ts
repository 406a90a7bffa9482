import { randomUUID } from "node:crypto";
import {
  createCommandConnection,
  createLogger,
  createSubscriberConnection,
  poll,
  type RedisClient,
} from "@openclaw/runtime";

/** A real Redis under a prefix of the test's own. */
export interface RedisFixture {
  readonly url: string;
  readonly prefix: string;
  /** A connected command connection. */
  readonly commands: RedisClient;
  /** One more command connection, connected. */
  connect(): Promise<RedisClient>;
  /** A subscriber connection, not yet connected. */
  subscriber(): RedisClient;
  /**
   * Waits until every key of the test has an expiry or is gone, deletes them, and closes every connection. What the
   * test has started may still be ending.
   *
   * @throws where a key without an expiry is still there after 5 s: it would have stayed for ever
   */
  close(): Promise<void>;
}

export async function createRedisFixture(url: string): Promise<RedisFixture> {
  const log = createLogger({ service: "test", level: "silent" });
  const opened: RedisClient[] = [];
  const keep = (redis: RedisClient) => {
    opened.push(redis);
    return redis;
  };
  const connect = async () => {
    const redis = keep(createCommandConnection({ url, name: "test:commands", log }));
    await redis.connect();
    return redis;
  };
  const commands = await connect();
  const prefix = `test-${randomUUID().slice(0, 8)}:`;
  return {
    url,
    prefix,
    commands,
    connect,
    subscriber: () => keep(createSubscriberConnection({ url, name: "test:subscriber", log })),
    async close() {
      const leaked = await keysThatStay(commands, prefix);
      await deleteKeys(commands, prefix);
      for (const redis of opened) redis.disconnect();
      if (leaked.length > 0) throw new Error(`keys without an expiry: ${leaked.join(", ")}`);
    },
  };
}

/** What BullMQ keeps of a queue for ever, however many runs went through it. */
const QUEUE_SETTINGS = /:runs:(?:meta|events|id|marker|stalled-check)$/;
const GONE_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 50;

async function keysThatStay(redis: RedisClient, prefix: string): Promise<string[]> {
  let eternal: string[] = [];
  const areGone = async () => {
    eternal = await eternalKeys(redis, prefix);
    return eternal.length === 0;
  };
  await poll(areGone, { everyMs: LOOK_EVERY_MS, withinMs: GONE_WITHIN_MS });
  return eternal;
}

async function eternalKeys(redis: RedisClient, prefix: string): Promise<string[]> {
  const eternal: string[] = [];
  for (const key of await keysOf(redis, `${prefix}*`)) {
    if (!QUEUE_SETTINGS.test(key) && (await redis.pttl(key)) === -1) eternal.push(key);
  }
  return eternal;
}

async function deleteKeys(redis: RedisClient, prefix: string): Promise<void> {
  for (const key of await keysOf(redis, `${prefix}*`)) await redis.del(key);
}

/** Of all masters, where it is a cluster. */
async function keysOf(redis: RedisClient, pattern: string): Promise<string[]> {
  const nodes = "nodes" in redis ? redis.nodes("master") : [redis];
  return (await Promise.all(nodes.map((node) => node.keys(pattern)))).flat();
}
