/** The configuration changes while the cluster runs. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, Refused, type V2Client, type V2Run } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";
import { Visitors } from "./visitors.ts";

const PROCESSES = 3;
const SLOW = directive({ words: 80, gapMs: 30, seed: 7 });

let simulator: Simulator;
let cluster: Cluster;
const visitors = new Visitors(() => cluster.url());

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
});

beforeEach(async () => {
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: gatewayOf("zhipu"),
    edges: 1,
    workers: PROCESSES - 1,
  });
});

afterEach(async () => {
  visitors.leave();
  await cluster?.stop();
});

afterAll(async () => {
  await simulator?.stop();
});

function providerOf(name: string, extra: Record<string, unknown> = {}) {
  return simulatedGateway(simulator.url, extra).providers[name];
}

function gatewayOf(...names: string[]) {
  return { providers: Object.fromEntries(names.map((name) => [name, providerOf(name)])) };
}

/** Resolves when every process has logged this once more than `before` times. */
async function saidByAll(message: string, before = 0): Promise<Record<string, unknown>[]> {
  const said = () => [...cluster.logs("edge", message), ...cluster.logs("worker", message)];
  await eventually(message, () => said().length === before + PROCESSES);
  return said();
}

async function expectWhole(client: V2Client, run: V2Run, profile: string): Promise<void> {
  expect(await client.end(run)).toMatchObject({ type: "done" });
  expect(run.text).toBe(answerFor({ prompt: SLOW, profile }));
  expect([run.restarts, client.faults]).toEqual([0, []]);
}

const refusalOf = (client: V2Client, provider: string) =>
  client.run("hi", provider).then(
    () => "accepted",
    (error: unknown) => (error instanceof Refused ? error.code : error),
  );

test("a provider that is added serves within 2 s, one that is removed takes no more runs; what streams goes on", async () => {
  const client = await visitors.v2();
  const before = await client.run(SLOW, "zhipu");
  await eventually("text", () => before.text !== "");
  expect(await refusalOf(client, "hunyuan")).toBe("unknown_provider");

  await cluster.configure(gatewayOf("hunyuan"));
  const changedAt = performance.now();
  await eventually("the new provider", async () => {
    const run = await client.run("hi", "hunyuan").catch(() => undefined);
    return run && (await client.end(run)).type === "done";
  });
  // Looking at the file again and again, it would take four seconds.
  expect(performance.now() - changedAt).toBeLessThan(3_900);
  expect(await saidByAll("configuration reloaded")).toMatchObject(
    Array.from({ length: PROCESSES }, () => ({ added: ["hunyuan"], removed: ["zhipu"] })),
  );
  expect(await refusalOf(client, "zhipu")).toBe("unknown_provider");
  await expectWhole(client, before, "zhipu");
});

test("a changed key is used by new runs, while those at work finish", async () => {
  const client = await visitors.v2();
  const before = await client.run(SLOW, "zhipu");
  await eventually("text", () => before.text !== "");

  await cluster.configure({ providers: { zhipu: providerOf("zhipu", { apiKey: "bad-key" }) } });
  await saidByAll("configuration reloaded");
  await eventually("the new key", async () => {
    const end = await client.end(await client.run("hi", "zhipu"));
    return end.type === "error" && end.code === "provider_auth";
  });
  await expectWhole(client, before, "zhipu");
});

test("a bad file is refused by everyone with every problem and no value, and the old one stays", async () => {
  const client = await visitors.v2();
  const broken = {
    ...providerOf("hunyuan"),
    kind: "my-secret",
    maxConcurrency: 0,
    fallback: ["x"],
  };
  await cluster.configure({ providers: { hunyuan: broken } });
  const refused = await saidByAll("configuration refused, the one before stays");
  for (const { problems, level } of refused) {
    expect(level).toBe(50);
    expect(problems).toEqual([
      expect.stringMatching(/^providers\.hunyuan\.kind: /),
      expect.stringMatching(/^providers\.hunyuan\.maxConcurrency: /),
      expect.stringMatching(/^providers\.hunyuan\.fallback: /),
    ]);
  }
  expect(JSON.stringify(refused)).not.toContain("my-secret");
  const run = await client.run(SLOW, "zhipu");
  await expectWhole(client, run, "zhipu");

  await cluster.configure(gatewayOf("zhipu", "hunyuan"));
  await saidByAll("configuration reloaded");
  expect(await client.end(await client.run("hi", "hunyuan"))).toMatchObject({ type: "done" });
});

test("SIGHUP has every process read it again and ends none", async () => {
  const client = await visitors.v2();
  const run = await client.run(SLOW, "zhipu");
  for (const { process } of [...cluster.running("edge"), ...cluster.running("worker")]) {
    process.kill("SIGHUP");
  }
  await saidByAll("configuration unchanged");
  await expectWhole(client, run, "zhipu");
  expect(cluster.running("edge").length + cluster.running("worker").length).toBe(PROCESSES);
});
