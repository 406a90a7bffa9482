import { randomUUID } from "node:crypto";
import {
  createCommandConnection,
  createLogger,
  createSubscriberConnection,
} from "@openclaw/runtime";
import type { Redis } from "ioredis";

/** A real Redis under a prefix of the test's own. */
export interface RedisFixture {
  readonly url: string;
  readonly prefix: string;
  /** A connected command connection. */
  readonly commands: Redis;
  /** One more command connection, connected. */
  connect(): Promise<Redis>;
  /** A subscriber connection, not yet connected. */
  subscriber(): Redis;
  /**
   * Closes every connection, deletes the test's keys, and throws if one of them would have
   * stayed for ever.
   */
  close(): Promise<void>;
}

export async function createRedisFixture(url: string): Promise<RedisFixture> {
  const log = createLogger({ service: "test", level: "silent" });
  const opened: Redis[] = [];
  const keep = (redis: Redis) => {
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
      const leaked = await clearKeys(commands, prefix);
      for (const redis of opened) redis.disconnect();
      if (leaked.length > 0) throw new Error(`keys without an expiry: ${leaked.join(", ")}`);
    },
  };
}

/** What BullMQ keeps of a queue for ever, however many runs went through it. */
const QUEUE_SETTINGS = /:runs:(?:meta|events|id|marker|stalled-check)$/;

async function clearKeys(redis: Redis, prefix: string): Promise<string[]> {
  const eternal: string[] = [];
  for (const key of await redis.keys(`${prefix}*`)) {
    if (!QUEUE_SETTINGS.test(key) && (await redis.pttl(key)) === -1) eternal.push(key);
    await redis.del(key);
  }
  return eternal;
}
