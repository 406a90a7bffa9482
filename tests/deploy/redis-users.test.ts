/** The users of Redis in deploy/redis/users.acl: one for the gateway, and one for operators. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PrivateRedis, REDIS_COMMANDS, startPrivateRedis } from "@openclaw/runtime";
import { eventually } from "@openclaw/testing";
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

/** A file of users as docs/deployment.md makes it, passwords added. */
const withPasswords = (acl: string) =>
  acl.replace(/^user (gateway|maintenance) on/gm, "$& >secret");

test("a changed users.acl is taken over by ACL LOAD of maintenance, without a restart", async () => {
  const own = await mkdtemp(join(tmpdir(), "openclaw-redis-users-"));
  const file = join(own, "users.acl");
  // As a release before had it: it lacked a command, and had a right too many.
  const older = text.replace(" +xtrim", "").replace(" +ping", " +ping +config|get");
  expect(older).not.toBe(text);
  // `startPrivateRedis` asks it without a name whether it answers.
  await writeFile(file, "user default on nopass ~* &* +@all\n");
  const redis = await startPrivateRedis({
    directory: join(own, "data"),
    removeIfAbandoned: own,
    extraArguments: ["--aclfile", file],
  });
  try {
    await writeFile(file, withPasswords(older));
    const anybody = new Redis(redis.url);
    expect(await anybody.call("ACL", "LOAD")).toBe("OK");
    anybody.disconnect();
    const gateway = new Redis({ port: redis.port, username: "gateway", password: "secret" });
    const maintenance = new Redis({
      port: redis.port,
      username: "maintenance",
      password: "secret",
    });
    try {
      await expect(gateway.xtrim("openclaw:log", "MAXLEN", 1)).rejects.toThrow(/^NOPERM/);
      await gateway.call("CONFIG", "GET", "maxmemory");

      await writeFile(file, withPasswords(text));
      await expect(gateway.call("ACL", "LOAD")).rejects.toThrow(/^NOPERM/);
      expect(await maintenance.call("ACL", "LOAD")).toBe("OK");
      // It ends the connections of users; this one came back by itself, and has the new rights, both ways.
      await gateway.xtrim("openclaw:log", "MAXLEN", 1);
      await expect(gateway.call("CONFIG", "GET", "maxmemory")).rejects.toThrow(/^NOPERM/);

      // A file with a mistake is refused as a whole, and what holds stays.
      await writeFile(file, withPasswords(text).replace("+xtrim", "+no-such-command"));
      await expect(maintenance.call("ACL", "LOAD")).rejects.toThrow(/no change/);
      await gateway.xtrim("openclaw:log", "MAXLEN", 1);
    } finally {
      gateway.disconnect();
      maintenance.disconnect();
    }
  } finally {
    await redis.stop();
    await rm(own, { recursive: true, force: true });
  }
});

test("the log of writes is rewritten by maintenance, and then has nothing more of a run that is gone", async () => {
  const own = await mkdtemp(join(tmpdir(), "openclaw-redis-log-"));
  const redis = await startPrivateRedis({ directory: own, appendOnly: true });
  const admin = new Redis(redis.url);
  const { rules = [] } = users().find(({ name }) => name === "maintenance") ?? {};
  await admin.call("ACL", "SETUSER", "maintenance", `#${HASH_OF.secret}`, ...rules);
  await admin.set("openclaw:run", "a marker");
  await admin.del("openclaw:run");
  const log = () => {
    const files = readdirSync(join(own, "appendonlydir")).map((name) =>
      join(own, "appendonlydir", name),
    );
    return files.map((path) => readFileSync(path, "latin1")).join("");
  };
  expect(log()).toContain("a marker");
  const script = spawn("sh", ["deploy/redis/rewrite-log.sh", "-p", String(redis.port)], {
    env: { PATH: process.env.PATH, REDISCLI_AUTH: "secret", REDIS_REWRITE_EVERY_S: "0.2" },
    // Its own group: the script waits in another process.
    detached: true,
    stdio: "ignore",
  });
  try {
    // Files may come and go between a look at the directory and one at them.
    const isGone = () => {
      try {
        return !log().includes("a marker");
      } catch {
        return false;
      }
    };
    await eventually("the marker to be gone", isGone, { withinMs: 30_000 });
  } finally {
    if (script.pid !== undefined) process.kill(-script.pid, "SIGKILL");
    admin.disconnect();
    await redis.stop();
    await rm(own, { recursive: true, force: true });
  }
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
