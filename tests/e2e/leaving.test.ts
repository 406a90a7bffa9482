/** Processes that leave, in good order or not, under open answers. */
import { once } from "node:events";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
});

afterEach(async () => {
  await cluster?.stop();
});

afterAll(async () => {
  await simulator?.stop();
});

async function start(options: { edges: number; workers: number; env?: Record<string, string> }) {
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    ...options,
  });
}

async function ask(prompt: string, provider = "zhipu"): Promise<V1Client> {
  const client = await V1Client.connect(cluster.url());
  client.say(prompt, provider);
  await eventually("some text", () => client.textSoFar.length > 5);
  return client;
}

async function terminate(service: "edge" | "worker") {
  const [leaving] = cluster.processes(service);
  if (!leaving) throw new Error("unreachable");
  leaving.process.kill("SIGTERM");
  return { ...leaving, exited: once(leaving.process, "exit") };
}

const LONG = directive({ words: 300, gapMs: 50 });
const SHORT = directive({ words: 40, gapMs: 50 });

describe("SIGTERM of an edge", () => {
  test("lets an answer finish, refuses what waits in its turn, then says to come back", async () => {
    await start({ edges: 1, workers: 1 });
    const client = await ask(SHORT);
    client.say("a second question");
    const idle = await V1Client.connect(cluster.url());
    const { exited } = await terminate("edge");
    await eventually("the idle one to be sent away", () => idle.closed);
    expect(idle.closed?.code).toBe(1012);
    const first = await client.reply();
    expect([first.text, first.terminal]).toEqual([
      answerFor({ prompt: SHORT, profile: "zhipu" }),
      { type: "done" },
    ]);
    const second = await client.reply();
    expect([second.text, second.terminal.code]).toEqual(["", "draining"]);
    await eventually("the close", () => client.closed);
    expect(client.closed?.code).toBe(1012);
    expect(await exited).toEqual([0, null]);
  });

  test("ends an answer that is longer than the drain with an error, closes 1012, and tells the cluster", async () => {
    await start({ edges: 1, workers: 1, env: { EDGE_DRAIN_MS: "500" } });
    const client = await ask(LONG);
    const aborted = simulator.stats().total.aborted;
    const { exited } = await terminate("edge");
    const reply = await client.reply(5_000);
    expect(reply.terminal).toMatchObject({ type: "error", code: "draining", retryable: true });
    await eventually("the close", () => client.closed);
    expect(client.closed?.code).toBe(1012);
    await eventually("the upstream to close", () => simulator.stats().total.aborted > aborted);
    expect(await exited).toEqual([0, null]);
  });
});

describe("SIGTERM of a worker", () => {
  test("takes nothing new and finishes what it has", async () => {
    await start({ edges: 1, workers: 2 });
    const clients = await Promise.all(Array.from({ length: 6 }, () => ask(SHORT)));
    const { logs, exited } = await terminate("worker");
    await eventually("the drain", () => logs.some(({ msg }) => msg === "draining"));
    const before = logs.filter(({ msg }) => msg === "attempt finished").length;
    const other = await V1Client.connect(cluster.url());
    for (let round = 0; round < 20; round += 1) {
      const reply = await other.ask(directive({ text: `round ${round}` }), "nvidia1");
      expect(reply.text).toBe(`round ${round}`);
    }
    const taken = logs.filter(
      ({ msg, provider }) => msg === "attempt finished" && provider === "nvidia1",
    );
    expect(taken).toEqual([]);
    for (const client of clients) expect((await client.reply()).terminal.type).toBe("done");
    expect(await exited).toEqual([0, null]);
    expect(before).toBeLessThanOrEqual(6);
  });

  test("hands back what is longer than the drain: another worker goes on, byte for byte", async () => {
    await start({ edges: 1, workers: 2, env: { WORKER_DRAIN_MS: "500" } });
    const prompt = directive({ words: 100, gapMs: 40 });
    const clients = await Promise.all(Array.from({ length: 8 }, () => ask(prompt)));
    const leftAt = performance.now();
    const { exited } = await terminate("worker");
    expect(await exited).toEqual([0, null]);
    expect(performance.now() - leftAt).toBeLessThan(4_000);
    for (const client of clients) {
      const reply = await client.reply();
      expect([reply.text, reply.terminal]).toEqual([
        answerFor({ prompt, profile: "zhipu" }),
        { type: "done" },
      ]);
    }
  });
});

test("kill -9 of the only edge: its runs are given up, so that nobody pays for text without a reader", async () => {
  await start({ edges: 1, workers: 1 });
  const aborted = simulator.stats().total.aborted;
  await Promise.all(Array.from({ length: 5 }, () => ask(LONG)));
  cluster.processes("edge")[0]?.process.kill("SIGKILL");
  await eventually(
    "every upstream to close",
    () => simulator.stats().total.aborted === aborted + 5,
    {
      withinMs: 13_500,
    },
  );
});
