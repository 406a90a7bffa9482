/** A Redis that pauses or refuses, as users of the cluster see it; `tests/slow` has it die and come back. */
import { isDeepStrictEqual } from "node:util";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, FaultyRedis, V1Client } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

/** By then an edge has looked at the cluster again. */
const VIEW_REFRESHED_MS = 1_500;
const FULL = ["redis refuses writes (OOM)"];

let simulator: Simulator;
let cluster: Cluster;
/** Of this test's own, since it fails all its users. */
let server: FaultyRedis;
let redis: Redis;

beforeEach(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  server = await FaultyRedis.start();
  redis = new Redis(server.directUrl);
  cluster = await Cluster.start({
    redisUrl: server.directUrl,
    gateway: simulatedGateway(simulator.url),
    edges: 1,
    workers: 1,
  });
});

afterEach(async () => {
  await cluster?.stop();
  await simulator?.stop();
  redis?.disconnect();
  await server?.stop();
});

async function ask(prompt: string) {
  const client = await V1Client.connect(cluster.url());
  try {
    return await client.ask(prompt, "zhipu");
  } finally {
    client.close();
  }
}

test("stands still for 4 s, longer than a lease: every answer is whole, new ones follow", async () => {
  const prompt = directive({ words: 40, gapMs: 50 });
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => V1Client.connect(cluster.url())),
  );
  for (const client of clients) client.say(prompt, "zhipu");
  await eventually("text everywhere", () => clients.every((client) => client.textSoFar !== ""));
  await redis.call("CLIENT", "PAUSE", "4000", "ALL");
  // No process is restarted for that, and no new user is sent here.
  for (const { admin } of [...cluster.running("edge"), ...cluster.running("worker")]) {
    const status = async (path: string) => (await fetch(admin(path))).status;
    await eventually("not ready", async () => (await status("/readyz")) === 503);
    expect(await status("/livez")).toBe(200);
    expect(await (await fetch(admin("/metrics"))).text()).toMatch(/^openclaw_ready 0$/m);
  }
  for (const client of clients) {
    const reply = await client.reply(20_000);
    expect([reply.text, reply.terminal]).toEqual([
      answerFor({ prompt, profile: "zhipu" }),
      { type: "done" },
    ]);
  }
  // Every run was offered again, to the very worker that worked on it: none was started twice.
  const finished = await eventually("the logs", () => {
    const lines = cluster.logs("edge", "run finished");
    return lines.length === clients.length ? lines : undefined;
  });
  const attempts = finished.map((line) => line.attempts);
  expect(attempts).toEqual(clients.map(() => 1));
  expect((await ask("Hello")).terminal).toEqual({ type: "done" });
});

test("full: that is known within 2 s and told, whoever asks hears `unavailable`, and all is well with the room", async () => {
  const health = async () =>
    // As docs/openapi.json has it.
    (await (await fetch(`http://${cluster.host}/health`)).json()) as { reasons?: string[] };
  const admins = [...cluster.running("edge"), ...cluster.running("worker")];
  const ready = () =>
    Promise.all(admins.map(async ({ admin }) => (await fetch(admin("/readyz"))).ok));
  expect((await ask("Hello")).terminal).toEqual({ type: "done" });
  await redis.config("SET", "maxmemory", "1");
  try {
    // Until a node has reported it, a refused write may be momentary.
    const first = await ask("Hello");
    // Its edge may have looked at the memory just before.
    const code = expect.stringMatching(/^(unavailable|overloaded)$/);
    expect(first.terminal).toMatchObject({ code, retryable: true });
    expect(first.totalMs).toBeLessThan(5_000);
    // Each process learns it with its own next report.
    const isKnown = async () => isDeepStrictEqual((await health()).reasons, FULL);
    await eventually("the reason", isKnown, { withinMs: 2_000 });
    await eventually("none ready", async () => !(await ready()).includes(true), {
      withinMs: 2_000,
    });
    const later = await ask("Hello");
    expect(later.terminal).toMatchObject({ code: "unavailable", retryable: true });
    // Without a try of its own, which takes as long as the first did.
    expect(later.totalMs).toBeLessThan(Math.max(500, first.totalMs));
    // That reports of nodes expire is no sign of their death.
    const reports = async () =>
      (await redis.keys(`${cluster.keyPrefix}{nodes}:*`)).filter((key) => !key.endsWith(":totals"));
    await eventually("no report", async () => (await reports()).length === 0, { withinMs: 15_000 });
    await new Promise((resolve) => setTimeout(resolve, VIEW_REFRESHED_MS));
    expect(await health()).toMatchObject({ reasons: FULL });
  } finally {
    await redis.config("SET", "maxmemory", "0");
  }
  await eventually("an answer", async () => (await ask("Hello")).terminal.type === "done");
  await eventually("all ready", async () => !(await ready()).includes(false));
});
