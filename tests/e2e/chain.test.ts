/** Whom a run is asked of, how often, and in which order. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;
let client: V2Client;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const { zhipu, hunyuan, nvidia1 } = simulatedGateway(simulator.url).providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      providers: {
        zhipu: { ...zhipu, contextTokens: 8_000, retries: 2, fallback: ["nvidia1", "hunyuan"] },
        nvidia1: { ...nvidia1, contextTokens: 4_000 },
        hunyuan: { ...hunyuan, contextTokens: 32_000 },
      },
    },
  });
  client = await V2Client.connect(cluster.url());
});

afterAll(async () => {
  client?.close();
  await cluster?.stop();
  await simulator?.stop();
});

/** How often each provider was asked for one run, and how that came out. */
async function asked(prompt: string, more: Parameters<V2Client["run"]>[2] = {}) {
  const count = () =>
    ["zhipu", "nvidia1", "hunyuan"].map((name) => simulator.stats().profiles[name]?.requests ?? 0);
  const before = count();
  const run = await client.run(prompt, "zhipu", more);
  const end = await client.end(run);
  const [zhipu, nvidia1, hunyuan] = count().map(
    (requests, index) => requests - (before[index] ?? 0),
  );
  return { run, end, requests: { zhipu, nvidia1, hunyuan } };
}

test("a provider with retries is asked again before the next one", async () => {
  const prompt = directive({ status: 500, faultOn: ["zhipu"] });
  const { end, requests } = await asked(prompt);
  expect(end).toMatchObject({ type: "done" });
  expect(requests).toEqual({ zhipu: 3, nvidia1: 1, hunyuan: 0 });
});

test("a request that turns out to be too long goes to the provider that takes more", async () => {
  const fault = { status: 400, errorCode: "context_length_exceeded", faultOn: ["zhipu"] };
  const prompt = directive(fault);
  const { run, end, requests } = await asked(prompt);
  expect(end).toMatchObject({ type: "done" });
  expect(run.text).toBe(answerFor({ prompt, profile: "hunyuan" }));
  expect(requests).toEqual({ zhipu: 1, nvidia1: 0, hunyuan: 1 });
});

test("a request that is known to be too long is not asked of who takes less", async () => {
  const { end, requests } = await asked(directive({ words: 3 }), { options: { maxTokens: 9_000 } });
  expect(end).toMatchObject({ type: "done" });
  expect(requests).toEqual({ zhipu: 0, nvidia1: 0, hunyuan: 1 });
});
