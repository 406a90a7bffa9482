import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRedisFixture, type RedisFixture } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { createLogger } from "./log.ts";
import { startPrivateRedis } from "./private-redis.ts";
import { connectRedis, createCommandConnection } from "./redis.ts";
import { assertRedisRights, REDIS_COMMANDS } from "./redis-rights.ts";

const log = createLogger({ service: "test", level: "silent" });
const PASSWORD = "secret-of-a-user";

let fixture: RedisFixture;
let admin: Redis;
let user: string;

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  admin = new Redis(fixture.url);
  user = `user-${randomUUID().slice(0, 8)}`;
});

afterEach(async () => {
  await admin.call("ACL", "DELUSER", user);
  admin.disconnect();
  await fixture.close();
});

/** The complaint about a user with these rights; undefined if no right is missing. */
const complaint = (...rules: readonly string[]) => complaintIn("", ...rules);

/** @param path of the address, which names a database */
async function complaintIn(path: string, ...rules: readonly string[]): Promise<string | undefined> {
  await admin.call("ACL", "SETUSER", user, "reset", "on", `>${PASSWORD}`, ...rules);
  const { host } = new URL(fixture.url);
  const url = `redis://${user}:${PASSWORD}@${host}${path}`;
  const redis = createCommandConnection({ url, name: "test:rights", log });
  try {
    await connectRedis(redis);
    await assertRedisRights({ redis, keyPrefix: fixture.prefix });
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: "redis_rights" });
    return error instanceof Error ? error.message : undefined;
  } finally {
    redis.disconnect();
  }
}

const everything = () => [`~${fixture.prefix}*`, `&${fixture.prefix}*`, "+@all"];
const saying = (missing: string, rules: string) =>
  `Redis does not allow the user "${user}" ${missing}: grant it with "ACL SETUSER ${user} ${rules}" ` +
  "(deploy/redis/users.acl has all that is needed).";

describe("rights in Redis", () => {
  test("nothing is said of a user that has the rights of the list and no other", async () => {
    const commands = REDIS_COMMANDS.map((name) => `+${name}`);
    const keys = [`~${fixture.prefix}*`, `&${fixture.prefix}*`];
    expect(await complaint(...keys, ...commands)).toBeUndefined();
  });

  test("nothing is left behind in Redis", async () => {
    await complaint(...everything());
    expect(await fixture.commands.exists(`${fixture.prefix}{rights}`)).toBe(0);
  });

  test.each([
    ["-evalsha", "the command EVALSHA", "+evalsha"],
    ["-spublish", "the command SPUBLISH", "+spublish"],
    ["-ssubscribe", "the command SSUBSCRIBE", "+ssubscribe"],
    ["-@blocking", "the command BZPOPMIN", "+bzpopmin"],
    ["-@stream", "the commands XADD, XRANGE and XTRIM", "+xadd +xrange +xtrim"],
    ["-multi", "the command MULTI", "+multi"],
  ])("%s: %s is named, and what would grant it", async (right, missing, rules) => {
    expect(await complaint(...everything(), right)).toBe(saying(missing, rules));
  });

  test.each(["-@scripting", "-eval"])(
    "%s: all is granted at once, as nothing can be asked",
    async (right) => {
      const said = await complaint(...everything(), right);
      expect(said).toMatch(
        /the command EVAL, which the check of the other rights needs: grant all/,
      );
      const [, rules = ""] = /ACL SETUSER \S+ ([^"]*)"/.exec(said ?? "") ?? [];
      expect(new Set(rules.split(" "))).toEqual(new Set(REDIS_COMMANDS.map((name) => `+${name}`)));
    },
  );

  test("another database than 0 is one more right: without it, data would go to database 0", async () => {
    const commands = REDIS_COMMANDS.map((name) => `+${name}`);
    const rules = [`~${fixture.prefix}*`, `&${fixture.prefix}*`, ...commands];
    expect(await complaintIn("/3", ...rules)).toBe(saying("the command SELECT", "+select"));
    expect(await complaintIn("/3", ...rules, "+select")).toBeUndefined();
    expect(await complaintIn("/0", ...rules)).toBeUndefined();
  });

  test("keys and channels under another prefix are named", async () => {
    const [keys, channels] = [`${fixture.prefix}*`, `${fixture.prefix}*`];
    expect(await complaint("~other:*", `&${channels}`, "+@all")).toBe(
      saying(`the keys ${keys}`, `~${keys}`),
    );
    expect(await complaint(`%R~${keys}`, `&${channels}`, "+@all")).toBe(
      saying(`the keys ${keys}`, `~${keys}`),
    );
    expect(await complaint(`~${keys}`, "+@all")).toBe(
      saying(`the channels ${channels}`, `&${channels}`),
    );
  });

  test("a user that may do nothing is told the first thing that it needs", async () => {
    expect(await complaint(`~${fixture.prefix}*`, "+info", "+ping")).toContain("EVAL");
  });

  test("a Redis in which a command was renamed is told as such", async () => {
    const directory = await mkdtemp(join(tmpdir(), "openclaw-redis-rights-"));
    const extraArguments = ["--rename-command", "SPUBLISH", ""];
    const server = await startPrivateRedis({ directory, extraArguments });
    onTestFinished(async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    });
    const redis = createCommandConnection({ url: server.url, name: "test:rights", log });
    onTestFinished(() => redis.disconnect());
    await connectRedis(redis);
    await expect(assertRedisRights({ redis, keyPrefix: "test:" })).rejects.toThrow(
      /^Redis does not know the command SPUBLISH: version 7 or later is needed/,
    );
  });
});
