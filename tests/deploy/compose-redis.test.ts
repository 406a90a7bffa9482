/** How docker-compose.yml starts its Redis: the very script, without the container around it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@openclaw/runtime";
import { eventually } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";

const { services } = parse(readFileSync("docker-compose.yml", "utf8"), { merge: true });
let directory: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-compose-redis-"));
});

afterEach(async () => {
  // Its own group: what rewrites the log waits in another process.
  if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  child = undefined;
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

function start(env: Readonly<Record<string, string>>, port = 0): ChildProcess {
  const script: string = services.redis.command[2]
    .replaceAll("$$", "$")
    .replaceAll("/etc/redis/", "deploy/redis/")
    .replace("rewrite-log.sh &", `rewrite-log.sh -p ${port} &`)
    // Behind what the file says, which listens where containers do.
    .replace(/^maxmemory/m, `port ${port}\ndir ${directory}\nmaxmemory`);
  const options = { env: { PATH: process.env.PATH, ...env }, detached: true } as const;
  child = spawn("sh", ["-c", script], { ...options, stdio: ["ignore", "ignore", "pipe"] });
  return child;
}

test.each([
  { REDIS_PASSWORD: "change-me", REDIS_MAINTENANCE_PASSWORD: "" },
  { REDIS_PASSWORD: "fine", REDIS_MAINTENANCE_PASSWORD: "change-me" },
])("the password of the example is refused: %j", async (env) => {
  const refused = start(env);
  let said = "";
  refused.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  const [code] = await once(refused, "close");
  expect([code, said]).toEqual([1, expect.stringContaining("openssl rand -hex 24")]);
});

test("users have their passwords, memory its limit, and the log is rewritten by a user whom nobody knows", async () => {
  const port = await freePort();
  start(
    { REDIS_PASSWORD: "of-the-gateway", REDIS_MAXMEMORY: "64mb", REDIS_REWRITE_EVERY_S: "0.3" },
    port,
  );
  const gateway = new Redis({ port, username: "gateway", password: "of-the-gateway" });
  gateway.on("error", () => undefined); // until it listens
  try {
    await gateway.set("openclaw:run", "answer");
    expect(await gateway.info("memory")).toContain("maxmemory:67108864");
    const rewrites = async () =>
      Number(/aof_rewrites:(\d+)/.exec(await gateway.info("persistence"))?.[1]);
    await eventually("a rewritten log", async () => (await rewrites()) > 0, { withinMs: 30_000 });
  } finally {
    gateway.disconnect();
  }
});
