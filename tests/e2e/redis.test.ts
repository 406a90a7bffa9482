/** A Redis that pauses, is cut off, or refuses, as users of the cluster see it. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, TcpProxy, V1Client } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;
let proxy: TcpProxy;
let redis: Redis;

beforeEach(async () => {
  const { hostname: host, port } = new URL(inject("redisUrl"));
  simulator = await startSimulator(profilesAt(INSTANT));
  proxy = await TcpProxy.start({ host, port: Number(port) });
  redis = new Redis(inject("redisUrl"));
  cluster = await Cluster.start({
    redisUrl: `redis://127.0.0.1:${proxy.port}`,
    gateway: simulatedGateway(simulator.url),
    edges: 1,
    workers: 1,
  });
});

afterEach(async () => {
  await cluster?.stop();
  await proxy?.stop();
  await simulator?.stop();
  redis?.disconnect();
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
  for (const client of clients) {
    const reply = await client.reply(20_000);
    expect([reply.text, reply.terminal]).toEqual([
      answerFor({ prompt, profile: "zhipu" }),
      { type: "done" },
    ]);
  }
  // Every run was offered again, to the very worker that worked on it: none was started twice.
  const attempts = cluster.logs("edge", "run finished").map((line) => line.attempts);
  expect(attempts).toEqual(clients.map(() => 1));
  expect((await ask("Hello")).terminal).toEqual({ type: "done" });
});

test("connections cut without a word: /health says so, and all is well again within 25 s", async () => {
  const health = async () => (await fetch(`http://${cluster.host}/health`)).status;
  await eventually("the start", async () => (await health()) === 200);
  proxy.silence();
  await eventually("the alarm", async () => (await health()) === 503, { withinMs: 8_000 });
  await eventually("the recovery", async () => (await health()) === 200, { withinMs: 25_000 });
  await eventually("an answer", async () => (await ask("Hello")).terminal.type === "done", {
    withinMs: 25_000,
  });
});

test("full: the client hears `unavailable` in 5 s, and an answer once there is room again", async () => {
  expect((await ask("Hello")).terminal).toEqual({ type: "done" });
  await redis.config("SET", "maxmemory", "1");
  try {
    const reply = await ask("Hello");
    expect(reply.terminal).toMatchObject({ code: "unavailable", retryable: true });
    expect(reply.totalMs).toBeLessThan(5_000);
  } finally {
    await redis.config("SET", "maxmemory", "0");
  }
  expect((await ask("Hello")).terminal).toEqual({ type: "done" });
});
