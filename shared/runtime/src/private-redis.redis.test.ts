import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findRedisServer, type PrivateRedis, startPrivateRedis } from "./private-redis.ts";

let directory: string;
const started: PrivateRedis[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "private-redis-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const redis of started.splice(0)) await redis.stop();
  await rm(directory, { recursive: true });
});

async function start(
  options: Partial<Parameters<typeof startPrivateRedis>[0]> = {},
): Promise<PrivateRedis> {
  const redis = await startPrivateRedis({ directory, ...options });
  started.push(redis);
  return redis;
}

async function ask<T>(url: string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  client.on("error", () => undefined); // told by the question
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

async function ps(pid: number, column: "ppid" | "stat"): Promise<string> {
  const question = promisify(execFile)("ps", ["-o", `${column}=`, "-p", String(pid)]);
  return question.then(
    ({ stdout }) => stdout.trim(),
    () => "", // no such process
  );
}

/** A process that is dead may wait a while for the container's first process to bury it. */
async function isAlive(pid: number): Promise<boolean> {
  return /^[^Z]/.test(await ps(pid, "stat"));
}

describe("a private Redis", () => {
  test("is version 7 or later, on loopback, without snapshots", async () => {
    const server = await findRedisServer();
    expect(Number.parseInt(server?.version ?? "0", 10)).toBeGreaterThanOrEqual(7);
    const redis = await start();
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
    expect(await ask(redis.url, (client) => client.ping())).toBe("PONG");
    expect(await ask(redis.url, (client) => client.config("GET", "save"))).toEqual(["save", ""]);
    expect(await ask(redis.url, (client) => client.config("GET", "appendonly"))).toContain("no");
  });

  test("keeps append-only data over a crash, on the same port and directory", async () => {
    const first = await start({ appendOnly: true });
    await ask(first.url, (client) => client.set("kept", "yes"));
    // `everysec` writes each command to the file at once and only syncs later; a crash of the
    // process, unlike one of the machine, loses nothing.
    process.kill(first.pid, "SIGKILL");
    expect(await first.exited).toBe("signal SIGKILL");
    const second = await start({ appendOnly: true, port: first.port });
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, (client) => client.get("kept"))).toBe("yes");
  });

  test("asks for its password, which no command line has, and has the same after a crash", async () => {
    const secret = { password: "b3f1c0ffee", appendOnly: true };
    const first = await start(secret);
    expect(first.url).toBe(`redis://:b3f1c0ffee@127.0.0.1:${first.port}`);
    await expect(
      ask(`redis://127.0.0.1:${first.port}`, (client) => client.get("key")),
    ).rejects.toThrow("NOAUTH");
    const { stdout } = await promisify(execFile)("ps", ["-o", "args=", "-p", String(first.pid)]);
    expect(stdout).toContain(String(first.port));
    expect(stdout).not.toContain(secret.password);
    expect((await stat(join(directory, "password.conf"))).mode & 0o777).toBe(0o600);
    first.kill();
    await first.exited;
    const second = await start({ ...secret, port: first.port });
    expect(await ask(second.url, (client) => client.ping())).toBe("PONG");
  });

  test("what is deleted is gone from its log of writes after the next rewriting", async () => {
    const logged = { appendOnly: true, password: "any" };
    const first = await start(logged);
    const said = async () => {
      // While it is rewritten, files of it come and go.
      const { stdout } = await promisify(execFile)("sh", ["-c", `cat "${directory}"/*/* || :`]);
      return stdout.includes("a marker");
    };
    await ask(first.url, async (client) => {
      await client.set("run", "a marker");
      await client.del("run");
    });
    await first.stop();
    expect(await said()).toBe(true);
    await start({ ...logged, rewriteEveryMs: 200 });
    await vi.waitUntil(async () => !(await said()), { timeout: 20_000, interval: 100 });
  });

  test("is gone after stop, which is safe twice", async () => {
    const redis = await start();
    await redis.stop();
    await redis.stop();
    expect(await redis.exited).toBe("exit code 0");
    expect(await isAlive(redis.pid)).toBe(false);
  });

  test("does not outlive its guard", async () => {
    const redis = await start();
    process.kill(Number(await ps(redis.pid, "ppid")), "SIGKILL");
    expect(await redis.exited).toBe("its guard: signal SIGKILL");
    await vi.waitUntil(async () => !(await isAlive(redis.pid)), 5_000);
  });

  test("says why it cannot start on a port that is taken", async () => {
    const { port } = await start();
    const second = startPrivateRedis({ directory, port });
    await expect(second).rejects.toMatchObject({
      code: "redis_failed",
      message: expect.stringContaining("Address already in use"),
    });
  });

  test("says what to install when there is none on the PATH", async () => {
    vi.stubEnv("PATH", directory);
    await expect(startPrivateRedis({ directory })).rejects.toMatchObject({
      code: "redis_missing",
      message: expect.stringContaining("apt-get install -y redis-server"),
    });
  });
});
