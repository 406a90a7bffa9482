/**
 * Connections to Redis, one kind per use: a blocking or subscribed connection must never share
 * with commands, and commands have a deadline, because a slow Redis is worse than a dead one.
 */
import { Redis, type RedisOptions } from "ioredis";
import type { Part } from "./life-cycle.ts";
import type { Logger } from "./log.ts";

export const COMMAND_DEADLINE_MS = 250;
/**
 * A connection that owes an answer for so long is thrown away. A deadline alone rejects the command
 * and keeps the socket: one that was cut without a word would stay "ready" for ever.
 */
const SILENT_COMMAND_SOCKET_MS = 4_000;
/** Longer than BullMQ's blocking reads (5 s), which rightly say nothing while there is nothing. */
const SILENT_BLOCKING_SOCKET_MS = 15_000;
const CONNECT_DEADLINE_MS = 5_000;

export interface RedisConnectionOptions {
  readonly url: string;
  /** Shows in `CLIENT LIST`: service and use, such as `edge:commands`. */
  readonly name: string;
  readonly log: Logger;
}

/** For everything that is not subscribing or blocking: fails within 250 ms instead of waiting. */
export function createCommandConnection(options: RedisConnectionOptions): Redis {
  return create(options, {
    commandTimeout: COMMAND_DEADLINE_MS,
    socketTimeout: SILENT_COMMAND_SOCKET_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  });
}

/**
 * For a subscriber. Subscriptions are made again by their owner after a reconnect, not by the
 * client library, so that the owner knows when they hold and can fill the gap.
 */
export function createSubscriberConnection(options: RedisConnectionOptions): Redis {
  return create(options, {
    autoResubscribe: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  });
}

/** For BullMQ's blocking reads: commands wait for the connection to come back. */
export function createBlockingConnection(options: RedisConnectionOptions): Redis {
  return create(options, {
    maxRetriesPerRequest: null,
    socketTimeout: SILENT_BLOCKING_SOCKET_MS,
  });
}

function create({ url, name, log }: RedisConnectionOptions, extra: RedisOptions): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: name,
    connectTimeout: 2_000,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
    ...extra,
  });
  let reported = "";
  redis.on("error", (error: NodeJS.ErrnoException) => {
    // One line per outage and cause: reconnecting repeats the same error many times.
    const cause = error.code ?? error.message;
    if (cause === reported) return;
    reported = cause;
    log.warn({ connection: name, cause }, "redis connection failed");
  });
  redis.on("ready", () => {
    if (reported !== "") log.info({ connection: name }, "redis connection restored");
    reported = "";
  });
  return redis;
}

/** Full jitter over an exponential from 50 ms to 1 s: quick after a blip, never a tight loop. */
function reconnectDelayMs(attempt: number): number {
  const ceiling = Math.min(1_000, 50 * 2 ** Math.min(attempt, 6));
  return 20 + Math.random() * ceiling;
}

/** Connects for the first time. @throws when Redis does not answer within 5 s */
export async function connectRedis(redis: Redis): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RedisUnreachableError()), CONNECT_DEADLINE_MS);
  });
  try {
    await Promise.race([redis.connect(), late]);
  } catch (cause) {
    redis.disconnect();
    throw cause instanceof RedisUnreachableError ? cause : new RedisUnreachableError({ cause });
  } finally {
    clearTimeout(timer);
  }
}

/** A connection as a part of its process: connected at the start, closed at the stop. */
export function connectionPart(name: string, redis: Redis): Part {
  return {
    name,
    start: () => connectRedis(redis),
    stop: async () => redis.disconnect(),
  };
}

export class RedisUnreachableError extends Error {
  readonly code = "redis_unreachable";

  constructor(options?: ErrorOptions) {
    super("Redis cannot be reached: check REDIS_URL, and that the server is running.", options);
    this.name = "RedisUnreachableError";
  }
}
