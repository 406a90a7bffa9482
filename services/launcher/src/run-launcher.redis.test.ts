import { existsSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { DIES_STARTING, NEVER_READY, OBEDIENT, STUBBORN } from "./testing/fake-service.ts";
import {
  expectNothingLeft,
  type LauncherProcess,
  launch,
  makeWorkshop,
  removeWorkshop,
} from "./testing/launcher-process.ts";

const RUNNING = "Ctrl-C stops everything.";

let workshop: string;
let launcher: LauncherProcess;

beforeAll(async () => {
  workshop = await makeWorkshop();
}, 120_000);

afterEach(async () => {
  launcher.child.kill("SIGKILL");
  await expectNothingLeft(workshop);
});

afterAll(() => removeWorkshop(workshop));

/** As the banner shows it. */
function shownRedisUrl(): string {
  return /private, (redis:\S+)/.exec(launcher.stdout)?.[1] ?? "";
}

/** Says where its Redis is, as only a child is told. */
const TELLING = `console.log("REDIS_URL", process.env.REDIS_URL);
  ${OBEDIENT}`;

async function redisUrl(): Promise<string> {
  await launcher.says("[edge-1] REDIS_URL redis:");
  return /\[edge-1\] REDIS_URL (redis:\S+)/.exec(launcher.stdout)?.[1] ?? "";
}

/** What its children said while they left, in order. */
function departures(): readonly string[] {
  return [...launcher.stdout.matchAll(/^\[(\S+)-?\d*\] left: SIGTERM$/gm)].map(([, name = ""]) =>
    name.replace(/-\d+$/, ""),
  );
}

describe("the launcher", () => {
  test("starts all, and on Ctrl-C stops edges, workers, simulator and leaves nothing", async () => {
    launcher = await launch({ workshop, argv: ["--edges", "2", "--workers", "1"] });
    await launcher.says(RUNNING);
    expect(launcher.stdout).toContain(`ws://127.0.0.1:${launcher.port}/ws/stream/{session_id}`);
    expect(launcher.stdout).toContain("2 edges, 1 worker");
    launcher.child.kill("SIGINT");
    // npm passes on what the terminal has already told: not a second wish.
    launcher.child.kill("SIGINT");
    expect(await launcher.exited).toBe(0);
    expect(departures()).toEqual(["edge", "edge", "worker", "simulator"]);
    expect(launcher.stderr).toBe("");
    await expectNothingLeft(workshop);
  });

  test("on Ctrl-C gives answers in hand ten seconds, on SIGTERM as long as its services drain, edges and workers together", async () => {
    const edge = 'await import("./runtime-service.js");';
    const worker = `process.on("SIGTERM", () => undefined);
      process.on("disconnect", () => process.exit(0));
      process.on("message", ({ withinMs }) => {
        console.log("within " + withinMs);
        process.exit(0);
      });
      process.send({ type: "ready" });`;
    const leftForWorkers = () => Number(/within (\d+)/.exec(launcher.stdout)?.[1]);
    const start = async (drainMs: string) => {
      const argv = ["--edges", "1", "--workers", "1"];
      const env = { IDLE_DRAIN_MS: drainMs };
      launcher = await launch({ workshop, services: { edge, worker }, argv, env });
      await launcher.says(RUNNING);
      return performance.now();
    };
    const begunAt = await start("120000");
    launcher.child.kill("SIGINT");
    expect(await launcher.exited).toBe(0);
    const tookMs = performance.now() - begunAt;
    expect(tookMs).toBeGreaterThan(9_500);
    expect(tookMs).toBeLessThan(60_000);
    expect(launcher.stdout).toContain('"msg":"stopped"');
    expect(leftForWorkers()).toBeLessThan(1_000);
    const againAt = await start("11000");
    launcher.child.kill("SIGTERM");
    expect(await launcher.exited).toBe(0);
    expect(performance.now() - againAt).toBeGreaterThan(10_900);
    expect(leftForWorkers()).toBeGreaterThan(0);
    expect(leftForWorkers()).toBeLessThan(130_000 - 10_000);
  });

  test("killed outright leaves no child and no Redis behind", async () => {
    // A real service still logs while it leaves, to a stdout without a reader.
    const edge = 'await import("./runtime-service.js");';
    launcher = await launch({ workshop, services: { edge } });
    await launcher.says(RUNNING);
    launcher.child.kill("SIGKILL");
    expect(await launcher.exited).toBe("SIGKILL");
    await expectNothingLeft(workshop);
  });

  test("tells children where Redis, configuration and ports are", async () => {
    const names = "REDIS_URL GATEWAY_CONFIG EDGE_HOST EDGE_PORT LOG_LEVEL";
    const edge = `for (const name of "${names}".split(" ")) console.log(name, process.env[name]);
      ${OBEDIENT}`;
    launcher = await launch({ workshop, services: { edge }, argv: ["--edges", "1"] });
    await launcher.says(RUNNING);
    await launcher.says("[edge-1] LOG_LEVEL warn");
    expect((await redisUrl()).replace(/:[0-9a-f]{48}@/, "")).toBe(shownRedisUrl());
    expect(launcher.stdout).toMatch(/\[edge-1\] GATEWAY_CONFIG \S+\/gateway\.config\.json/);
    expect(launcher.stdout).toContain(`[edge-1] EDGE_PORT ${launcher.port}`);
  });

  test("gives each child an admin port, says which, and the same again after a crash", async () => {
    const edge = `const { EDGE_ADMIN_PORT } = process.env;
      console.log("admin port " + EDGE_ADMIN_PORT);
      process.send({ type: "admin", port: 40123 });
      if (EDGE_ADMIN_PORT === "0") setTimeout(() => process.exit(1), 200);
      ${OBEDIENT}`;
    launcher = await launch({ workshop, services: { edge }, argv: ["--edges", "1"] });
    await launcher.says(RUNNING);
    expect(launcher.stdout).toContain("Metrics     http://127.0.0.1:40123/metrics  edge-1");
    await launcher.says("[edge-1] admin port 40123");
  });

  test("brings Redis back on the same port with the same data", async () => {
    launcher = await launch({ workshop, services: { edge: TELLING } });
    await launcher.says(RUNNING);
    const redis = new Redis(await redisUrl(), { retryStrategy: () => 50 });
    redis.on("error", () => undefined); // it is about to be killed
    await redis.set("kept", "yes");
    const pid = Number(/process_id:(\d+)/.exec(await redis.info("server"))?.[1]);
    process.kill(pid, "SIGKILL");
    await launcher.says("redis ended unexpectedly (signal SIGKILL); starting it again in");
    await vi.waitUntil(async () => (await redis.get("kept")) === "yes", { timeout: 5_000 });
    redis.disconnect();
  });

  test("asks for a password at its Redis, another one with each start, which the banner does not show", async () => {
    const passwords = new Set<string>();
    for (let start = 0; start < 2; start += 1) {
      launcher = await launch({ workshop, services: { edge: TELLING } });
      await launcher.says(RUNNING);
      const { password } = new URL(await redisUrl());
      passwords.add(password);
      expect(shownRedisUrl()).not.toContain(password);
      const stranger = new Redis(shownRedisUrl(), { lazyConnect: true, retryStrategy: null });
      stranger.on("error", () => undefined); // told below
      await expect(stranger.get("key")).rejects.toThrow("NOAUTH");
      stranger.disconnect();
      launcher.child.kill("SIGINT");
      expect(await launcher.exited).toBe(0);
    }
    expect(passwords.size).toBe(2);
  });

  test("whose edge cannot start says why, and leaves nothing", async () => {
    launcher = await launch({ workshop, services: { edge: DIES_STARTING } });
    expect(await launcher.exited).toBe(1);
    expect(launcher.stderr).toMatch(/^edge-\d ended while starting \(exit code 3\)\.\n/);
    expect(launcher.stderr).toContain("cannot find my shoes");
    expect(launcher.stdout).not.toContain(RUNNING);
    await expectNothingLeft(workshop);
  });

  test("told to stop while it starts stops, and leaves nothing", async () => {
    const worker = `import { writeFileSync } from "node:fs"; writeFileSync("worker-begun", ""); ${NEVER_READY}`;
    launcher = await launch({ workshop, services: { worker } });
    await vi.waitUntil(() => existsSync(join(workshop, "worker-begun")), { timeout: 5_000 });
    launcher.child.kill("SIGTERM");
    expect(await launcher.exited).toBe(0);
    expect(departures()).toEqual(["simulator"]);
    expect(launcher.stdout).not.toContain(RUNNING);
    await expectNothingLeft(workshop);
  });

  test("told twice, kills what will not go", async () => {
    launcher = await launch({ workshop, services: { edge: STUBBORN }, argv: ["--edges", "1"] });
    await launcher.says(RUNNING);
    launcher.child.kill("SIGTERM");
    await launcher.says("[edge-1] will not go");
    await vi.waitUntil(
      () => {
        launcher.child.kill("SIGTERM");
        return launcher.child.exitCode !== null;
      },
      { timeout: 5_000, interval: 200 },
    );
    expect(await launcher.exited).toBe(1);
    await expectNothingLeft(workshop);
  });
});
