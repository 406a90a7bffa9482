/**
 * Connections to Redis, one kind per use: a blocking or subscribed connection must never share
 * with commands. Each has somebody who notices that it is dead though it looks alive: `RedisPulse`
 * for commands, the probe of the subscription, the watchdog of BullMQ's blocking reads.
 */
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { backOffMs } from "./back-off.ts";
import type { Component } from "./life-cycle.ts";
import type { Logger } from "./log.ts";
import { parseRedisUrl, type RedisTarget } from "./redis-url.ts";
import { LATE, within } from "./waits.ts";

/** One Redis or a Redis Cluster: what is done with either is the same but for what this file and its neighbours say. */
export type RedisClient = Redis | Cluster;

/**
 * No command waits longer. Long on purpose: a command that is given up is not taken back, and a run
 * in flight is better served by a slow answer than by repeats of what already took effect. New work
 * is refused much earlier, by `RedisPulse`.
 */
const COMMAND_DEADLINE_MS = 2_000;
const CONNECT_TIMEOUT_MS = 1_000;
const FIRST_CONNECT_DEADLINE_MS = 5_000;
/** How long a connection that is given up may take to say goodbye; a dead one never answers. */
const GOODBYE_MS = 100;
/** How soon a cluster is asked again who has what, when a node said nothing or sent us away. */
const REDIRECT_MS = 100;
/** How often one command follows such a redirection, within its deadline. */
const MOST_REDIRECTIONS = 10;
const SLOTS_REFRESH_MS = 5_000;

export interface RedisConnectionOptions {
  /** As `parseRedisUrl` reads it. */
  readonly url: string;
  /** Shows in `CLIENT LIST`: service and use, such as `edge:commands`. */
  readonly name: string;
  readonly log: Logger;
}

/** For everything that is not subscribing or blocking: fails at once while there is no connection. */
export function createCommandConnection(options: RedisConnectionOptions): RedisClient {
  return create(options, {
    commandTimeout: COMMAND_DEADLINE_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  });
}

/**
 * For a subscriber. Subscriptions are made again by their owner after a reconnect, not by the
 * client library, so that the owner knows when they hold and can fill the gap.
 */
export function createSubscriberConnection(options: RedisConnectionOptions): RedisClient {
  return create(options, {
    autoResubscribe: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  });
}

/** For BullMQ's blocking reads: commands wait for the connection to come back. */
export function createBlockingConnection(options: RedisConnectionOptions): RedisClient {
  return create(options, { maxRetriesPerRequest: null });
}

function create({ url, name, log }: RedisConnectionOptions, extra: RedisOptions): RedisClient {
  const target = parseRedisUrl(url);
  const options = {
    connectionName: name,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: GOODBYE_MS,
    keepAlive: 10_000,
    ...extra,
  };
  const redis =
    target?.kind === "cluster" ? createCluster(target, options) : createSingle(url, options);
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

function createSingle(url: string, options: RedisOptions): Redis {
  return new Redis(url, {
    lazyConnect: true,
    reconnectOnError: isDemoted,
    retryStrategy: reconnectDelayMs,
    ...options,
  });
}

/** A connection to each master, made when it is first needed. */
function createCluster(
  { nodes, tls, username, password }: Extract<RedisTarget, { kind: "cluster" }>,
  { enableOfflineQueue = true, ...options }: RedisOptions,
): Cluster {
  return new Cluster([...nodes], {
    lazyConnect: true,
    enableOfflineQueue,
    redisOptions: {
      ...options,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(tls && { tls: {} }),
    },
    // Nodes are called by their names, for which their certificates are.
    ...(tls && { dnsLookup: (address, callback) => callback(null, address) }),
    clusterRetryStrategy: reconnectDelayMs,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    retryDelayOnFailover: REDIRECT_MS,
    retryDelayOnClusterDown: REDIRECT_MS,
    maxRedirections: MOST_REDIRECTIONS,
    // A channel of sharded pub/sub is heard at the master of its slot alone.
    shardedSubscribers: true,
  });
}

/** What a connection is called in logs and in `CLIENT LIST`. */
export function connectionName(redis: RedisClient): string {
  const { connectionName: name } =
    redis instanceof Cluster ? (redis.options.redisOptions ?? {}) : redis.options;
  return name ?? "unnamed";
}

/**
 * After a failover this connection may still lead to the old master, which only reads by now. Made
 * anew, it leads to the new one, where the command is sent again (2): it had no effect here.
 */
function isDemoted({ message }: Error): 2 | false {
  return message.startsWith("READONLY") ? 2 : false;
}

/** Full jitter over an exponential from 50 ms to 1 s: quick after a blip, never a tight loop. */
function reconnectDelayMs(attempt: number): number {
  return 20 + backOffMs(attempt, { firstMs: 50, mostMs: 1_000, steady: 0 });
}

/** Connects for the first time. @throws when Redis does not answer within 5 s */
export async function connectRedis(redis: RedisClient): Promise<void> {
  const outcome = await within(FIRST_CONNECT_DEADLINE_MS, redis.connect()).catch(
    (cause: unknown) => ({ cause }),
  );
  if (outcome === undefined) return;
  redis.disconnect();
  throw new RedisUnreachableError(outcome === LATE ? undefined : outcome);
}

/** Asks a Redis Cluster now who has which slots, as is done every 5 s. Where nobody answers, all stays as it was. */
export async function refreshSlots(redis: RedisClient): Promise<void> {
  if (!(redis instanceof Cluster)) return;
  await new Promise<void>((resolve) => redis.refreshSlotsCache(() => resolve()));
}

/** A connection as a part of its process: connected at the start, closed at the stop. */
export function connectionComponent(name: string, redis: RedisClient): Component {
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
