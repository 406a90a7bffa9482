/**
 * What a user of Redis must be allowed, and whether ours is.
 *
 * A missing right would show much later, as runs that fail or wait for ever. So the rights are checked at the start.
 * One script asks Redis for each command by name. A script, a publish and a blocking read are called once, because
 * only a call shows those rights. The error names all missing rights at once.
 */
import { ReplyError } from "ioredis";
import type { Component } from "./life-cycle.ts";
import type { RedisClient } from "./redis.ts";

/**
 * Every command that edges and workers send, BullMQ's and those inside scripts included, as ACL rules name them. The line of
 * the user `gateway` in `deploy/redis/users.acl` is made of these, and a test runs a cluster with no others.
 */
export const REDIS_COMMANDS: readonly string[] = [
  // Connections.
  ...["ping", "info", "client|setname"],
  // Scripts and transactions.
  ...["eval", "evalsha", "multi", "exec", "time"],
  // Messages.
  ...["spublish", "ssubscribe"],
  // Keys.
  ...["del", "exists", "pexpire", "pttl", "get", "set", "incr", "mget"],
  // Hashes: runs, jobs, settings of queues, sums.
  ...["hdel", "hexists", "hget", "hgetall", "hincrby", "hmget", "hmset", "hset", "hsetnx"],
  // Lists and sorted sets: queues.
  ...["lindex", "llen", "lpush", "lrange", "lrem", "rpoplpush", "rpush"],
  ...["bzpopmin", "zadd", "zcard", "zpopmin", "zrange", "zrangebyscore", "zrem"],
  ...["zrevrangebyscore", "zscore"],
  // Sets: nodes, leases.
  ...["sadd", "scard", "smembers", "srem"],
  // Streams: the logs of runs.
  ...["xadd", "xrange", "xtrim"],
];

/** What the client library asks of a Redis Cluster besides. */
export const REDIS_CLUSTER_COMMANDS: readonly string[] = ["cluster|info", "cluster|slots"];

/** The script that asks proves its own right; names of connections are for people to read, and nothing depends on them. */
const UNASKED: readonly string[] = ["eval", "client|setname"];

/**
 * Names the commands that the user may not run, of those it is given. A Redis that has no way to say so is believed.
 * KEYS[1] names a key and a channel of ours, ARGV the commands.
 */
const ASK = `
local refused = {}
if not redis.acl_check_cmd then return refused end
for _, name in ipairs(ARGV) do
  -- Redis reads the arguments for what keys they name.
  local arguments = name == 'evalsha' and { '', '1', KEYS[1] } or { KEYS[1], KEYS[1], KEYS[1], KEYS[1], KEYS[1] }
  local known, allowed = pcall(redis.acl_check_cmd, name, unpack(arguments))
  if known and not allowed then table.insert(refused, name) end
end
return refused`;
/** In seconds. The awaited key never comes. */
const BLOCK_S = 0.01;

export interface RedisRightsOptions {
  /** A command connection without another user yet: it is blocked for a moment. */
  readonly redis: RedisClient;
  /** What all keys and channels begin with. */
  readonly keyPrefix: string;
}

/** Redis refuses a command or key that the gateway needs. */
export class RedisRightsError extends Error {
  readonly code = "redis_rights";

  constructor(message: string) {
    super(message);
    this.name = "RedisRightsError";
  }
}

/** Looks for missing rights at the start of a process. */
export function redisRights(options: RedisRightsOptions): Component {
  return {
    name: "rights in redis",
    start: () => assertRedisRights(options),
    stop: async () => undefined,
  };
}

/**
 * Resolves where nothing is refused. A failure for another reason shows when the command is needed.
 *
 * @throws RedisRightsError
 */
export async function assertRedisRights({ redis, keyPrefix }: RedisRightsOptions): Promise<void> {
  const key = `${keyPrefix}{rights}`;
  const commands = REDIS_COMMANDS.filter((name) => !UNASKED.includes(name));
  const database = databaseOf(redis);
  const answers = await Promise.all([
    // After a refusal the connection would stay in database 0, beside other users of Redis.
    database === 0 ? [] : refusedRules("select", keyPrefix, () => redis.call("select", database)),
    refusedRules("eval", keyPrefix, async () =>
      // The shape is the script's own.
      ((await redis.eval(ASK, 1, key, ...commands)) as string[]).map((name) => `+${name}`),
    ),
    refusedRules("spublish", keyPrefix, () => redis.spublish(key, "")),
    refusedRules("bzpopmin", keyPrefix, () => redis.bzpopmin(key, BLOCK_S)),
  ]);
  const rules = new Set(answers.flat());
  // Without EVAL, the other rights cannot be checked.
  if (rules.has("+eval")) for (const name of REDIS_COMMANDS) rules.add(`+${name}`);
  if (rules.size > 0) throw missingRights(userOf(redis), withoutEffects(rules));
}

/** @param rules that would give them, such as `+eval` */
function missingRights(user: string, rules: readonly string[]): RedisRightsError {
  const isUnknown = rules.includes("+eval");
  const missing = isUnknown
    ? "the command EVAL, which the check of the other rights needs"
    : inWords(rules);
  const granting = `ACL SETUSER ${user} ${rules.join(" ")}`;
  return new RedisRightsError(
    `Redis does not allow the user "${user}" ${missing}: grant ${isUnknown ? "all" : "it"} with "${granting}" ` +
      "(deploy/redis/users.acl has all that is needed).",
  );
}

/** The command was renamed, or the server is older than it. */
function unknownCommand(command: string): RedisRightsError {
  return new RedisRightsError(
    `Redis does not know the command ${command.toUpperCase()}: version 7 or later is needed, with no command renamed.`,
  );
}

/** The ACL rules that a call lacks: those it names itself, or the rule that refused it. */
async function refusedRules(
  command: string,
  keyPrefix: string,
  call: () => Promise<unknown>,
): Promise<readonly string[]> {
  try {
    const named = await call();
    return command === "eval" && Array.isArray(named) ? named : [];
  } catch (error) {
    // The class has no type of its own.
    const { message } = error as Error;
    if (!(error instanceof ReplyError)) return [];
    if (message.startsWith("ERR unknown command")) throw unknownCommand(command);
    if (!message.startsWith("NOPERM")) return [];
    if (/\bkeys?\b/.test(message)) return [`~${keyPrefix}*`];
    return [/\bchannels?\b/.test(message) ? `&${keyPrefix}*` : `+${command}`];
  }
}

/** A channel that is missing refuses the commands of channels too, which may be granted. */
function withoutEffects(rules: ReadonlySet<string>): readonly string[] {
  const lacksChannels = [...rules].some((rule) => rule.startsWith("&"));
  return [...rules].filter((rule) => !(lacksChannels && /^\+s(publish|subscribe)$/.test(rule)));
}

/** A Redis Cluster has only one. */
function databaseOf(redis: RedisClient): number {
  return "nodes" in redis ? 0 : (redis.options.db ?? 0);
}

function userOf(redis: RedisClient): string {
  const { username } = "nodes" in redis ? (redis.options.redisOptions ?? {}) : redis.options;
  return username ?? "default";
}

/** `the commands EVAL and XADD, the keys openclaw:*`. */
function inWords(rules: readonly string[]): string {
  const named = (sign: string) =>
    rules.filter((rule) => rule.startsWith(sign)).map((rule) => rule.slice(1));
  const commands = named("+").map((name) => name.replace("|", " ").toUpperCase());
  const parts = [
    commands.length > 0 ? `the command${commands.length > 1 ? "s" : ""} ${listOf(commands)}` : "",
    ...named("~").map((keys) => `the keys ${keys}`),
    ...named("&").map((channels) => `the channels ${channels}`),
  ];
  return listOf(parts.filter((part) => part !== ""));
}

function listOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${last}` : last;
}
