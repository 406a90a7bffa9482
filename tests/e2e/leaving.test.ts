/** Processes that leave, in good order or not, under open answers. */
import { once } from "node:events";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client } from "@openclaw/testing";
import { test as base, describe, expect, inject } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

interface Gateway {
  readonly simulator: Simulator;
  readonly cluster: Cluster;
}

/** Each test has its own, and mostly waits: they run together. */
const test = base.extend("start", ({ onTestFinished }) => async (options: Options) => {
  const simulator = await startSimulator(profilesAt(INSTANT));
  onTestFinished(() => simulator.stop());
  const cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    ...options,
  });
  onTestFinished(() => cluster.stop());
  return { simulator, cluster };
});

interface Options {
  readonly edges: number;
  readonly workers: number;
  readonly env?: Record<string, string>;
}

async function ask({ cluster }: Gateway, prompt: string, provider = "zhipu"): Promise<V1Client> {
  const client = await V1Client.connect(cluster.url());
  client.say(prompt, provider);
  await eventually("some text", () => client.textSoFar.length > 5);
  return client;
}

async function terminate({ cluster }: Gateway, service: "edge" | "worker") {
  const [leaving] = cluster.processes(service);
  if (!leaving) throw new Error("unreachable");
  leaving.process.kill("SIGTERM");
  return { ...leaving, exited: once(leaving.process, "exit") };
}

const LONG = directive({ words: 300, gapMs: 50 });
/** Not over before the signal, on a busy machine either. */
const SHORT = directive({ words: 80, gapMs: 50 });

// The longest first.
test.concurrent("kill -9 of the only edge: its runs are given up, so that nobody pays for text without a reader", async ({
  start,
}) => {
  const gateway = await start({ edges: 1, workers: 1 });
  const aborted = gateway.simulator.stats().total.aborted;
  await Promise.all(Array.from({ length: 5 }, () => ask(gateway, LONG)));
  gateway.cluster.processes("edge")[0]?.process.kill("SIGKILL");
  await eventually(
    "every upstream to close",
    () => gateway.simulator.stats().total.aborted === aborted + 5,
    {
      withinMs: 13_500,
    },
  );
});

describe.concurrent("SIGTERM of an edge", () => {
  test("lets an answer finish, refuses what waits in its turn, then says to come back", async ({
    start,
  }) => {
    const gateway = await start({ edges: 1, workers: 1 });
    const client = await ask(gateway, SHORT);
    client.say("a second question");
    const idle = await V1Client.connect(gateway.cluster.url());
    const { exited } = await terminate(gateway, "edge");
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

  test("ends an answer that is longer than the drain with an error, closes 1012, and tells the cluster", async ({
    start,
  }) => {
    const gateway = await start({ edges: 1, workers: 1, env: { EDGE_DRAIN_MS: "500" } });
    const client = await ask(gateway, LONG);
    const aborted = gateway.simulator.stats().total.aborted;
    const { exited } = await terminate(gateway, "edge");
    const reply = await client.reply(5_000);
    expect(reply.terminal).toMatchObject({ type: "error", code: "draining", retryable: true });
    await eventually("the close", () => client.closed);
    expect(client.closed?.code).toBe(1012);
    await eventually(
      "the upstream to close",
      () => gateway.simulator.stats().total.aborted > aborted,
    );
    expect(await exited).toEqual([0, null]);
  });
});

describe.concurrent("SIGTERM of a worker", () => {
  test("takes nothing new and finishes what it has", async ({ start }) => {
    const gateway = await start({ edges: 1, workers: 2 });
    const clients = await Promise.all(Array.from({ length: 6 }, () => ask(gateway, SHORT)));
    const { logs, exited } = await terminate(gateway, "worker");
    await eventually("the drain", () => logs.some(({ msg }) => msg === "draining"));
    const before = logs.filter(({ msg }) => msg === "attempt finished").length;
    const other = await V1Client.connect(gateway.cluster.url());
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

  test("hands back what is longer than the drain: another worker goes on, byte for byte", async ({
    start,
  }) => {
    const gateway = await start({ edges: 1, workers: 2, env: { WORKER_DRAIN_MS: "500" } });
    const prompt = directive({ words: 150, gapMs: 40 });
    const clients = await Promise.all(Array.from({ length: 8 }, () => ask(gateway, prompt)));
    const leftAt = performance.now();
    const { exited } = await terminate(gateway, "worker");
    expect(await exited).toEqual([0, null]);
    // Its answers would take 6 s.
    expect(performance.now() - leftAt).toBeLessThan(5_500);
    for (const client of clients) {
      const reply = await client.reply();
      expect([reply.text, reply.terminal]).toEqual([
        answerFor({ prompt, profile: "zhipu" }),
        { type: "done" },
      ]);
    }
  });
});
