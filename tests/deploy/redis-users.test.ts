/** The users of Redis in deploy/redis/users.acl: the one of the gateway, and the one for those who look after it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PrivateRedis, REDIS_COMMANDS, startPrivateRedis } from "@openclaw/runtime";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";

const FILE = "deploy/redis/users.acl";
const HASH_OF = {
  secret: "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
};

let directory: string;
let server: PrivateRedis;
let text: string;

beforeAll(async () => {
  text = await readFile(FILE, "utf8");
  directory = await mkdtemp(join(tmpdir(), "openclaw-redis-users-"));
  server = await startPrivateRedis({ directory, removeIfAbandoned: directory });
  const admin = new Redis(server.url);
  for (const [user = "", ...rules] of users().map(({ name, rules }) => [name, ...rules])) {
    if (user !== "default")
      await admin.call("ACL", "SETUSER", user, `#${HASH_OF.secret}`, ...rules);
  }
  await admin.set("openclaw:key", "value");
  admin.disconnect();
});

afterAll(async () => {
  server?.kill();
  await server?.exited;
  await rm(directory, { recursive: true, force: true });
});

const users = () =>
  text
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([, name = "", ...rules]) => ({ name, rules }));

/** What commands of a user are answered with, or refused with. */
async function answers(username: string, commands: readonly string[]): Promise<string[]> {
  const redis = new Redis({ port: server.port, username, password: "secret" });
  try {
    const asked = commands.map(async (line) => {
      const [command = "", ...rest] = line.split(" ");
      return redis.call(command, ...rest).then(
        () => "",
        (error: Error) => `${line}: ${error.message.split(" ", 1)[0]}`,
      );
    });
    return (await Promise.all(asked)).filter((answer) => answer !== "");
  } finally {
    redis.disconnect();
  }
}

test("the gateway's has the commands in use, its own keys and channels, and nothing else", () => {
  const { rules } = users().find(({ name }) => name === "gateway") ?? {};
  const commands = REDIS_COMMANDS.map((name) => `+${name}`);
  expect(rules).toEqual(["on", "~openclaw:*", "&openclaw:*", ...commands]);
});

test("no line has a password: without one that is added nobody can log in, and nobody without a name", () => {
  expect(users().map(({ name }) => name)).toEqual(["default", "gateway", "maintenance"]);
  expect(users()[0]?.rules).toEqual(["off"]);
  expect(text).not.toMatch(/[>#]|nopass/);
});

test("maintenance may look at everything, make room and read the rights anew", async () => {
  const allowed = [
    ...["INFO", "SLOWLOG GET", "LATENCY LATEST", "CLIENT LIST", "CONFIG GET maxmemory"],
    ...["CONFIG SET maxmemory 0", "ACL LOG", "ACL WHOAMI", "MEMORY USAGE openclaw:key", "SCAN 0"],
    ...["TYPE openclaw:key", "GET openclaw:key", "DEL openclaw:none", "DBSIZE", "ROLE"],
  ];
  expect(await answers("maintenance", allowed)).toEqual([]);
});

test.each([
  ["maintenance", ["FLUSHALL", "SHUTDOWN", "EVAL 1 0", "SET openclaw:key 1", "KEYS *"]],
  ["gateway", ["FLUSHALL", "CONFIG GET maxmemory", "KEYS *", "GET other", "SPUBLISH other x"]],
] as const)("%s may do no harm beyond that", async (user, commands) => {
  const refused = [...commands, "ACL SETUSER x on", "MODULE LIST", "REPLICAOF NO ONE"];
  expect(await answers(user, refused)).toEqual(refused.map((line) => `${line}: NOPERM`));
});
