/**
 * A cluster whose user of Redis has the rights of `deploy/redis/users.acl` and no other, through every course of a run.
 * No command is refused, and every granted right is used. A right that is taken away harms only what needs it.
 */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PrivateRedis, REDIS_CLUSTER_COMMANDS, startPrivateRedis } from "@openclaw/runtime";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, RedisCluster, V1Client, V2Client } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const PASSWORD = "only-for-this-test";
/** Longer than what is done to its run meanwhile. */
const LONG = directive({ words: 60, gapMs: 50 });
const LATER = { withinMs: 30_000 };
/**
 * Of two edges and two workers that serve five providers, which look at each queue some ten times a second whatever the
 * answer is. One loop that does not pause refuses tens of thousands.
 */
const MOST_REFUSALS_PER_SECOND = 1_000;

let simulator: Simulator;
let directory: string;
let server: PrivateRedis;
let admin: Redis;
let cluster: Cluster | undefined;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
});

// Redis counts what each test asks of it.
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-redis-rights-"));
  server = await startPrivateRedis({ directory, removeIfAbandoned: directory });
  admin = new Redis(server.url);
});

afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
  admin.disconnect();
  server.kill();
  await server.exited;
  await rm(directory, { recursive: true, force: true });
});

afterAll(() => simulator?.stop());

/** What the file says of a user, for the keys and channels of this test. */
async function rulesOf(user: string): Promise<string[]> {
  const file = await readFile("deploy/redis/users.acl", "utf8");
  const line = file.split("\n").find((text) => text.startsWith(`user ${user} `)) ?? "";
  return line
    .split(" ")
    .slice(2)
    .map((rule) => rule.replace("openclaw:*", "test-*"));
}

async function permit(...rules: readonly string[]): Promise<void> {
  await admin.call("ACL", "SETUSER", "gateway", ...rules);
}

function gateway(narrow: Record<string, unknown> = {}) {
  const { zhipu, hunyuan } = simulatedGateway(simulator.url).providers;
  return {
    providers: {
      zhipu: { ...zhipu, fallback: ["hunyuan"] },
      hunyuan,
      narrow: { ...zhipu, maxConcurrency: 1, ...narrow },
      hedged: { ...zhipu, hedgeAfterMs: 100, fallback: ["hunyuan"] },
      alone: zhipu,
    },
    hedgeBudget: 1,
  };
}

async function startCluster(narrow?: Record<string, unknown>): Promise<Cluster> {
  await permit("reset", `>${PASSWORD}`, ...(await rulesOf("gateway")));
  cluster = await Cluster.start({
    redisUrl: server.url.replace("redis://", `redis://gateway:${PASSWORD}@`),
    gateway: gateway(narrow),
    env: { EDGE_RESUME_GRACE_MS: "5000" },
  });
  return cluster;
}

async function json(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  // An object is all that these addresses answer with.
  return (await (await fetch(url, init)).json()) as Record<string, unknown>;
}

/** Which commands were carried out, in scripts too, and how many Redis refused. */
async function calls(redis = admin): Promise<{ done: ReadonlySet<string>; refused: number }> {
  const stats = await redis.info("commandstats");
  const rows = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+).*rejected_calls=(\d+)/gm)];
  return {
    done: new Set(rows.filter(([, , count]) => count !== "0").map(([, name = ""]) => name)),
    refused: rows.reduce((sum, [, , , count]) => sum + Number(count), 0),
  };
}

/** A run that is answered, handed to another provider, asked again, hedged. */
async function answer(client: V2Client, started: Cluster): Promise<void> {
  const whole = await client.run(LONG, "zhipu");
  expect(await client.end(whole)).toMatchObject({ type: "done" });
  expect(whole.text).toBe(answerFor({ prompt: LONG, profile: "zhipu" }));
  const v1 = await V1Client.connect(started.url());
  expect((await v1.ask("Hello", "alone")).terminal).toEqual({ type: "done" });
  v1.close();
  const failed = await client.run(directive({ status: 500, faultOn: ["zhipu"] }), "zhipu");
  expect(await client.end(failed)).toMatchObject({ type: "done" });
  const limited = await client.run(directive({ status: 429, retryAfterS: 1 }), "alone");
  expect(await client.end(limited)).toMatchObject({ code: "provider_rate_limited" });
  const hedged = await client.run(directive({ words: 5, firstTokenMs: 1_000 }), "hedged");
  expect(await client.end(hedged)).toMatchObject({ type: "done" });
  const hedges = async () => (await json(`http://${started.host}/stats`)).attempts;
  await eventually("a hedge", async () => /"hedged":[1-9]/.test(JSON.stringify(await hedges())));
}

/** Runs that wait, are cancelled while they wait and at work, and go on on another connection. */
async function interrupt(client: V2Client, started: Cluster): Promise<void> {
  const [first, second, third] = [
    await client.run(LONG, "narrow"),
    await client.run("Hello", "narrow"),
    await client.run("Hello", "narrow"),
  ];
  await client.next("queued", ({ run }) => run === third.id);
  client.send({ type: "cancel", run: third.id });
  expect(await client.end(third)).toMatchObject({ type: "cancelled" });
  for (const run of [first, second]) expect(await client.end(run)).toMatchObject({ type: "done" });

  const cancelled = await client.run(LONG, "alone");
  await eventually("some text", () => cancelled.text !== "");
  client.send({ type: "cancel", run: cancelled.id });
  expect(await client.end(cancelled)).toMatchObject({ type: "cancelled" });

  const left = await V2Client.connect(started.url("same"));
  const resumed = await left.run(LONG, "alone");
  await eventually("some text", () => resumed.text !== "");
  left.terminate();
  const back = await V2Client.connect(started.url("same"));
  expect(await back.resume(resumed)).toMatchObject({ outcome: "replayed" });
  expect(await back.end(resumed)).toMatchObject({ type: "done" });
  back.close();
}

/** Workers that die and leave under runs, and an edge that dies under one in the background. */
async function replace(client: V2Client, started: Cluster): Promise<void> {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    const runs = await Promise.all(Array.from({ length: 8 }, () => client.run(LONG, "alone")));
    await eventually("text everywhere", () => runs.every(({ text }) => text !== ""));
    const [worker] = started.running("worker");
    const exited = worker && once(worker.process, "exit");
    worker?.process.kill(signal);
    await exited;
    for (const run of runs) expect(await client.end(run, 60_000)).toMatchObject({ type: "done" });
    await started.add("worker");
  }
  client.close();
  const runs = `http://${started.host}/v1/runs`;
  const body = JSON.stringify({ message: LONG, provider: "alone" });
  const headers = { "content-type": "application/json" };
  const { id } = await json(runs, { method: "POST", body, headers });
  started.running("edge")[0]?.process.kill("SIGKILL");
  const state = async () => (await json(`${runs}/${id}`).catch(() => undefined))?.state;
  await eventually("its end", async () => (await state()) === "completed", LATER);
  expect(await (await fetch(`${runs}/${id}/events`)).text()).toContain("event: done");
}

test("the whole life of runs needs every right of the file, and no other", async () => {
  const started = await startCluster({ rpm: 600 });
  const client = await V2Client.connect(started.url());
  await answer(client, started);
  await interrupt(client, started);
  await replace(client, started);
  await started.configure(gateway());
  const rate = () => admin.hget(`${started.keyPrefix}{queue-narrow}:runs:meta`, "max");
  await eventually("the limit to be taken away", async () => (await rate()) === null, LATER);

  expect(await admin.call("ACL", "LOG")).toEqual([]);
  const { done } = await calls();
  const granted = (await rulesOf("gateway")).filter((rule) => rule.startsWith("+"));
  expect(granted.filter((rule) => !done.has(rule.slice(1)))).toEqual([]);
});

test.each([["-@scripting", "+eval", "+evalsha"], ["-@all"]])(
  "%s while it runs: Redis is asked at a walk, and all is well once it is given back",
  async (...rules) => {
    const [taken = "", ...given] = rules;
    const started = await startCluster();
    const client = await V2Client.connect(started.url());
    const open = await Promise.all(Array.from({ length: 4 }, () => client.run(LONG, "alone")));
    await eventually("text everywhere", () => open.every(({ text }) => text !== ""));
    await permit(taken);
    // As soon as the runs at work are given up, their workers look for others.
    const [{ refused }, from] = [await calls(), performance.now()];
    await eventually("ten seconds", () => performance.now() - from > 10_000, LATER);
    const perSecond = ((await calls()).refused - refused) / ((performance.now() - from) / 1_000);
    console.log(`${taken}: ${Math.round(perSecond)} refused commands a second`);
    expect(perSecond).toBeGreaterThan(1);
    expect(perSecond).toBeLessThan(MOST_REFUSALS_PER_SECOND);
    await permit(...(given.length > 0 ? given : await rulesOf("gateway")));
    const ask = async () => {
      const asker = await V1Client.connect(started.url());
      const { terminal } = await asker.ask("Hello", "alone", 30_000);
      asker.close();
      return terminal.type;
    };
    await eventually("an answer", async () => (await ask()) === "done", LATER);
    for (const run of open) await client.end(run, 60_000);
    const ready = async () => (await fetch(`http://${started.host}/health`)).status === 200;
    await eventually("health", ready, LATER);
  },
);

test.each(["edge", "worker"] as const)(
  "%s: without scripts it does not start, and says in a sentence why",
  async (service) => {
    const started = await startCluster();
    await permit("-@scripting");
    await expect(started.add(service)).rejects.toThrow(
      new RegExp(
        'exited \\(1\\): Redis does not allow the user "gateway" the command EVAL, which .* "ACL SETUSER gateway [^"]*\\+eval [^"]*" ' +
          "\\(deploy/redis/users.acl has all that is needed\\)\\.\\n$",
      ),
    );
  },
);

test("a Redis Cluster needs two commands more, and nothing else", async () => {
  const redis = await RedisCluster.start();
  onTestFinished(() => redis.stop());
  const nodes = redis.url.replace("redis+cluster://", "").split(",");
  const admins = nodes.map((node) => new Redis(`redis://${node}`));
  onTestFinished(() => {
    for (const one of admins) one.disconnect();
  });
  const more = REDIS_CLUSTER_COMMANDS.map((name) => `+${name}`);
  const rules = [`>${PASSWORD}`, ...(await rulesOf("gateway")), ...more];
  for (const one of admins) await one.call("ACL", "SETUSER", "gateway", "reset", ...rules);
  cluster = await Cluster.start({
    redisUrl: redis.url.replace("://", `://gateway:${PASSWORD}@`),
    gateway: gateway(),
    env: { REDIS_PARTITIONS: "6" },
  });
  const client = await V2Client.connect(cluster.url());
  await answer(client, cluster);
  client.close();
  for (const one of admins) expect(await one.call("ACL", "LOG")).toEqual([]);
  const done = await Promise.all(admins.map(async (one) => (await calls(one)).done));
  const unused = REDIS_CLUSTER_COMMANDS.filter((name) => !done.some((names) => names.has(name)));
  expect(unused).toEqual([]);
});
