/** A group of providers is asked like one: the best of that moment answers. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client, V2Client } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;
let client: V2Client;

beforeEach(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const { zhipu, hunyuan, nvidia1 } = simulatedGateway(simulator.url).providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      providers: { zhipu, hunyuan, nvidia1 },
      groups: { home: ["zhipu", "hunyuan"] },
      defaultProvider: "home",
    },
    edges: 1,
  });
  client = await V2Client.connect(cluster.url());
});

afterEach(async () => {
  client?.close();
  await cluster?.stop();
  await simulator?.stop();
});

/** Asks one question after the other; answers who answered each. */
async function ask(count: number, provider: string | undefined, fault = {}): Promise<string[]> {
  const answered: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const prompt = directive({ words: 3, gapMs: 5, seed: number, ...fault });
    const run = await client.run(prompt, provider);
    expect(await client.end(run)).toMatchObject({ type: "done" });
    expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
    answered.push(client.all("started").findLast((frame) => frame.run === run.id)?.provider ?? "");
  }
  return answered;
}

const healthOf = async (provider: string) => {
  const stats = await (await fetch(`http://${cluster.host}/stats`)).json();
  // As workers report it.
  const { workers } = (stats as { nodes: { workers: { providers: Record<string, object> }[] } })
    .nodes;
  return workers.map(({ providers }) => providers[provider]);
};

test("the accounts of a group share the runs; a client that names none gets the default group", async () => {
  const answered = new Set<string>();
  // A provider that was slower at first, by chance, is asked less often.
  for (let round = 0; round < 10 && answered.size < 2; round += 1) {
    for (const provider of await ask(30, undefined)) answered.add(provider);
  }
  expect(answered).toEqual(new Set(["zhipu", "hunyuan"]));
});

test("a member that fails is replaced by another, then left alone, and never shown to the user", async () => {
  const down = { status: 503, faultOn: ["hunyuan"] };
  const answered = await ask(60, "home", down);
  expect(new Set(answered)).toEqual(new Set(["zhipu"]));
  // At first it is tried as often as the other.
  expect(simulator.stats().profiles.hunyuan?.requests).toBeLessThan(25);
  const before = simulator.stats().profiles.hunyuan?.requests ?? 0;
  await eventually("news of it", async () =>
    (await healthOf("hunyuan")).some((health) => health && "failureShare" in health),
  );
  await ask(30, "home", down);
  expect((simulator.stats().profiles.hunyuan?.requests ?? 0) - before).toBeLessThan(5);
});

test("auto stands for everybody, in v1 too; a slow one is asked ever less", async () => {
  const old = await V1Client.connect(cluster.url());
  const { terminal } = await old.ask(directive({ words: 3, seed: 1 }), "auto");
  expect(terminal).toEqual({ type: "done" });
  old.close();
  const slow = { lateMs: 600, faultOn: ["zhipu"] };
  await ask(20, "auto", slow);
  await eventually("news of the slow one", async () => {
    const reports = await healthOf("zhipu");
    return reports.some((health) => health && "firstTokenMs" in health);
  });
  const answered = await ask(30, "auto", slow);
  expect(answered.filter((name) => name === "zhipu").length).toBeLessThan(6);
});

test("a name that is neither provider nor group is refused with all that are", async () => {
  await expect(client.run("hi", "nobody")).rejects.toMatchObject({ code: "unknown_provider" });
  const [refusal] = client.all("error");
  expect(refusal?.message).toContain("zhipu, hunyuan, nvidia1, auto, home");
});
