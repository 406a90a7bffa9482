/**
 * The gateway under PM2. A reload under load replaces every process, and no run of protocol v2 fails. Each process
 * answers operators on a port of its own. The checkout's path has a space in it, for which PM2 has a trap.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { eventually, freePort, PersistentUser } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const USERS = 10;
/** Below those that the system gives out, so that four in a row are free. */
const EDGE_ADMIN_PORT = 20_000 + (process.pid % 2_000) * 4;
const WORKER_ADMIN_PORT = EDGE_ADMIN_PORT + 2;

let simulator: Simulator;
let directory = "";
let ecosystem = "";
let env: NodeJS.ProcessEnv = {};
let host = "";

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  directory = await mkdtemp(join(tmpdir(), "openclaw-test-pm2-"));
  const checkout = join(directory, "my checkout");
  await cp("deploy/pm2", join(checkout, "deploy", "pm2"), { recursive: true });
  await symlink(resolve("services"), join(checkout, "services"));
  ecosystem = join(checkout, "deploy", "pm2", "ecosystem.config.cjs");
  const gateway = join(directory, "gateway.config.json");
  await writeFile(gateway, JSON.stringify(simulatedGateway(simulator.url)));
  const port = await freePort();
  host = `127.0.0.1:${port}`;
  env = {
    PATH: process.env.PATH,
    PM2_HOME: join(directory, "pm2"),
    REDIS_URL: inject("redisUrl"),
    REDIS_KEY_PREFIX: "test-pm2:",
    GATEWAY_CONFIG: gateway,
    EDGE_PORT: String(port),
    EDGE_ADMIN_PORT: String(EDGE_ADMIN_PORT),
    WORKER_ADMIN_PORT: String(WORKER_ADMIN_PORT),
  };
  await pm2("start", ecosystem);
});

afterAll(async () => {
  await pm2("kill");
  await rm(directory, { recursive: true, force: true });
  await simulator?.stop();
});

async function pm2(...args: string[]): Promise<string> {
  const script = resolve("node_modules/pm2/bin/pm2");
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { env });
  return stdout;
}

interface Listed {
  readonly name: string;
  readonly pid: number;
  readonly pm2_env: { readonly status: string };
}

async function processes(): Promise<Listed[]> {
  // PM2's own shape.
  return JSON.parse(await pm2("jlist", "--silent")) as Listed[];
}

/** The samples of one metric, as the process of a port has them. */
async function samplesAt(port: number, metric: string): Promise<number[]> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  return [...(await response.text()).matchAll(new RegExp(`^${metric}(?:{.*})? (\\S+)$`, "gm"))].map(
    ([, value]) => Number(value),
  );
}

test(`every process is replaced under ${USERS} users, and no v2 run fails`, async () => {
  const before = await processes();
  expect(before.map(({ name, pm2_env }) => `${name} ${pm2_env.status}`).sort()).toEqual([
    "claw-streaming-gateway-edge online",
    "claw-streaming-gateway-edge online",
    "claw-streaming-gateway-worker online",
    "claw-streaming-gateway-worker online",
  ]);
  const leaving = new AbortController();
  let seed = 0;
  const next = () => {
    seed += 1;
    return { prompt: directive({ words: 20, gapMs: 50, seed }), provider: "zhipu" };
  };
  const users = Array.from(
    { length: USERS },
    (_, index) => new PersistentUser(`ws://${host}/ws/stream/user-${index}`),
  );
  const asking = Promise.all(users.map((user) => user.keepAsking(next, leaving.signal)));
  await eventually("answers", () => users.every(({ finished }) => finished.length > 0), {
    withinMs: 15_000,
  });
  // By the file, which is where PM2 hands all instances the same environment again.
  await pm2("reload", ecosystem, "--update-env");
  await eventually("the edges' connections to add up to the users", async () => {
    const edges = [EDGE_ADMIN_PORT, EDGE_ADMIN_PORT + 1];
    const open = await Promise.all(edges.map((port) => samplesAt(port, "openclaw_connections")));
    return open.flat().reduce((sum, one) => sum + one, 0) === USERS;
  });
  for (const port of [WORKER_ADMIN_PORT, WORKER_ADMIN_PORT + 1]) {
    expect(await samplesAt(port, "openclaw_active_attempts")).toHaveLength(1);
  }
  leaving.abort();
  await asking;

  const logs = await readdir(join(directory, "pm2", "logs"));
  const ofEdges = logs.filter((name) => /-edge-out-\d+\.log$/.test(name));
  const said = await Promise.all(
    ofEdges.map((name) => readFile(join(directory, "pm2", "logs", name), "utf8")),
  );
  expect(said).toEqual([0, 1].map(() => expect.stringContaining('"msg":"run finished"')));

  const after = await processes();
  expect(after.filter(({ pm2_env }) => pm2_env.status !== "online")).toEqual([]);
  const old = before.map(({ pid }) => pid);
  expect(after.filter(({ pid }) => old.includes(pid))).toEqual([]);
  const runs = users.flatMap(({ finished }) => finished);
  console.log(`${runs.length} runs while all was reloaded`);
  expect(runs.filter(({ outcome }) => outcome !== "done")).toEqual([]);
  const wrong = runs.filter(({ prompt, text }) => text !== answerFor({ prompt, profile: "zhipu" }));
  expect(wrong).toEqual([]);
  expect(users.flatMap(({ faults }) => faults)).toEqual([]);
  expect(users.every(({ reconnects }) => reconnects > 0)).toBe(true);
});
