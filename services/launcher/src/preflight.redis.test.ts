import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { assertRedisUsable } from "./preflight.ts";

const USER = `launcher-${randomUUID().slice(0, 8)}`;
let admin: Redis;
let url: string;

beforeEach(async () => {
  admin = new Redis(inject("redisUrl"));
  url = inject("redisUrl").replace("redis://", `redis://${USER}:secret@`);
  await admin.call("ACL", "SETUSER", USER, "reset", "on", ">secret", "~*", "&*", "+@all");
});

afterEach(async () => {
  await admin.call("ACL", "DELUSER", USER);
  admin.disconnect();
});

test("a Redis whose user has every right may be used", async () => {
  expect(await assertRedisUsable(url, "test:")).toBeUndefined();
});

test.each([
  [["-evalsha"], "the command EVALSHA", "+evalsha"],
  [["-info", "-xadd"], "the commands INFO and XADD", "+info +xadd"],
  [["resetkeys"], "the keys test:*", "~test:*"],
] as const)(
  "%s: what is missing is one sentence, without the password",
  async (rules, missing, grant) => {
    await admin.call("ACL", "SETUSER", USER, ...rules);
    const used = assertRedisUsable(url, "test:");
    await expect(used).rejects.toMatchObject({
      code: "redis_unusable",
      message:
        `Redis does not allow the user "${USER}" ${missing}: grant it with "ACL SETUSER ${USER} ${grant}" ` +
        "(deploy/redis/users.acl has all that is needed).",
    });
  },
);
