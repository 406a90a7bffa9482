/** `npm start` as a user has it: the built launcher with the real services. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { eventually, freePort, V1Client } from "@openclaw/testing";
import { afterEach, expect, inject, test } from "vitest";
import { LaunchedGateway } from "./launched-gateway.ts";
import { SHIPPED_NAMES, startSimulator } from "./simulated-gateway.ts";

const LAUNCHER = [process.execPath, "services/launcher/dist/main.js"] as const;

let directory = "";
let gateway: LaunchedGateway | undefined;
let simulator: Simulator | undefined;

afterEach(async () => {
  await gateway?.interrupt();
  await simulator?.stop();
  [gateway, simulator] = [undefined, undefined];
  await rm(directory, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<LaunchedGateway> {
  directory = await mkdtemp(join(tmpdir(), "openclaw-start-test-"));
  gateway = await LaunchedGateway.start([...LAUNCHER], {
    cwd: process.cwd(),
    port: await freePort(),
    env: { TMPDIR: directory, ...env },
  });
  return gateway;
}

async function ask(url: string, message: string, provider?: string) {
  const client = await V1Client.connect(url);
  try {
    return await client.ask(message, provider);
  } finally {
    client.close();
  }
}

test("without a key: every shipped provider answers, simulated, and Ctrl-C leaves nothing", async () => {
  const started = await start();
  for (const provider of SHIPPED_NAMES) {
    expect(started.output).toMatch(new RegExp(`${provider} +simulated`));
    const reply = await ask(started.url("/ws/stream/start-test"), "Hello", provider);
    expect(reply.terminal).toEqual({ type: "done" });
    expect(reply.text).toBe(answerFor({ prompt: "Hello", profile: provider }));
  }
  const unnamed = await ask(started.url(), "Hello");
  expect(unnamed.text).toBe(answerFor({ prompt: "Hello", profile: "nvidia2" }));

  const smoke = [process.execPath, "tests/smoke/dist/main.js", "--url", started.url("/")] as const;
  const { stdout } = await promisify(execFile)(smoke[0], smoke.slice(1));
  expect(stdout).toMatch(/first text \d+ ms, done \d+\.\d s, \d+ characters/);
  expect(stdout).toMatch(/\n5 passed, 0 failed\n/);

  expect(await started.processes()).not.toEqual([]);
  expect(await started.interrupt()).toBe(0);
  expect(await started.processes()).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
});

test("with GATEWAY_CONFIG and REDIS_URL: those are used, neither Redis nor simulator is started", async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const config = await mkdtemp(join(tmpdir(), "openclaw-start-config-"));
  const path = join(config, "my.json");
  const mine = { kind: "openai", baseUrl: `${simulator.url}/openai/v1`, model: "m" };
  await writeFile(path, JSON.stringify({ providers: { mine } }));
  try {
    const started = await start({ GATEWAY_CONFIG: path, REDIS_URL: inject("redisUrl") });
    expect(started.output).toMatch(/mine +real/);
    const reply = await ask(started.url(), directive({ text: "from my own provider" }));
    expect([reply.text, reply.terminal]).toEqual(["from my own provider", { type: "done" }]);
    const services = (await started.processes()).map((args) => /services\/(\w+)/.exec(args)?.[1]);
    expect(services.toSorted()).toEqual(["edge", "edge", "worker", "worker"]);
  } finally {
    await rm(config, { recursive: true, force: true });
  }
});

test("Redis killed: each process says that it is not ready, and that it is again", async () => {
  const started = await start();
  const told = (message: string) =>
    [...started.output.matchAll(/^\[(\S+)\] \{.*"msg":"(.*)"\}$/gm)]
      .filter(([, , said]) => said === message)
      .map(([, name]) => name)
      .toSorted();
  const all = ["edge-1", "edge-2", "worker-1", "worker-2"];
  const redis = await started.pidOf(/^(redis|valkey)-server /);
  // Paused first: processes look at themselves once a second, and the next Redis may be there before that.
  process.kill(redis, "SIGSTOP");
  await eventually("not ready", () => all.every((name) => told("not ready").includes(name)), {
    withinMs: 15_000,
  });
  process.kill(redis, "SIGKILL");
  await eventually(
    "ready again, as often as not ready",
    () =>
      all.every((name) => told("ready again").includes(name)) &&
      isDeepStrictEqual(told("ready again"), told("not ready")),
    { withinMs: 15_000 },
  );
  expect(started.output).toMatch(/^\[launcher\] redis ended unexpectedly .*$/m);
  expect(started.output.match(/^\[launcher\] redis is up again$/gm)).toHaveLength(1);
});

test("smoke against nothing fails every check it can make, and says why", async () => {
  const nothing = `ws://127.0.0.1:${await freePort()}`;
  const smoke = promisify(execFile)(process.execPath, [
    "tests/smoke/dist/main.js",
    "--url",
    nothing,
  ]);
  await expect(smoke).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /FAIL {2}connect +cannot connect: .*ECONNREFUSED[\s\S]*0 passed, 5 failed/,
    ),
  });
});
