/** The configuration is edited again and again while runs stream, and no run notices. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import {
  Cluster,
  eventually,
  figuresOf,
  inWords,
  Refused,
  V2Client,
  type V2Run,
} from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { boundMs, sizeOf } from "../suites.ts";

const CLIENTS = 10;
const RUNS_PER_CLIENT = sizeOf("reload") / CLIENTS;
const ADDITIONS = 5;
/** A process that is not told of a change finds it when it looks, after four seconds. */
const BAR_MS = boundMs({ promised: 2_000, fault: 3_900 });
const PROCESSES = 4;
/** Long enough that every run outlives every edit, on a busy machine too. */
const LONG = { words: 300, gapMs: 100 };
/** How long the queue of a removed provider must have been empty: a minute, were it not for this test. */
const LEAVE_MS = 5_000;
const LEFT_WITHIN = { withinMs: LEAVE_MS + 30_000 };

let simulator: Simulator;
/** Of the provider that will be removed: its open sockets are those of the workers' pools. */
let doomed: Simulator;
let cluster: Cluster;
const clients: V2Client[] = [];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  doomed = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: FIRST() },
    env: { WORKER_LEAVE_MS: String(LEAVE_MS) },
  });
});

afterAll(async () => {
  for (const client of clients) client.close();
  await cluster?.stop();
  await Promise.all([simulator?.stop(), doomed?.stop()]);
});

const provider = (profile: string, extra: Record<string, unknown> = {}, at = simulator) =>
  simulatedGateway(at.url, { pool: { connections: 200 }, ...extra }).providers[profile];

/** As the runs begin: the first provider stays, the second will change, the third will be removed. */
const FIRST = () => ({
  hunyuan: provider("hunyuan"),
  zhipu: provider("zhipu", { apiKey: "first-key", model: "first-model" }),
  nvidia1: provider("nvidia1", {}, doomed),
});
const PROFILES = ["hunyuan", "zhipu", "nvidia1"] as const;

interface Watched {
  readonly run: V2Run;
  readonly client: V2Client;
  readonly prompt: string;
  readonly profile: string;
}

async function beginAll(): Promise<Watched[]> {
  const watched: Watched[] = [];
  for (let index = 0; index < CLIENTS; index += 1)
    clients.push(await V2Client.connect(cluster.url()));
  for (const [index, client] of clients.entries()) {
    const profile = PROFILES[index % PROFILES.length] ?? "zhipu";
    for (let seed = 0; seed < RUNS_PER_CLIENT; seed += 1) {
      const prompt = directive({ ...LONG, seed: index * RUNS_PER_CLIENT + seed });
      watched.push({ run: await client.run(prompt, profile), client, prompt, profile });
    }
  }
  return watched;
}

const logs = (message: string) => [
  ...cluster.logs("edge", message),
  ...cluster.logs("worker", message),
];

/** Writes the file, and resolves when every process has taken it over or refused it. */
async function edit(contents: unknown, message: string): Promise<Record<string, unknown>[]> {
  const before = logs(message).length;
  await cluster.configure(contents);
  await eventually(message, () => logs(message).length === before + PROCESSES);
  return logs(message).slice(before);
}

/** From the edit to the first text of a provider that was not configured before. */
async function addProvider(name: string, providers: object): Promise<number> {
  const client = await V2Client.connect(cluster.url());
  clients.push(client);
  const editedAt = performance.now();
  await cluster.configure({ providers: { ...providers, [name]: provider("nvidia2") } });
  // The edge may not know it yet, which is refused at once.
  const run = await eventually("the provider to be known", () =>
    client.run(directive({ text: "here" }), name).catch(() => undefined),
  );
  await eventually("its text", () => run.text !== "");
  const tookMs = performance.now() - editedAt;
  expect(await client.end(run)).toMatchObject({ type: "done" });
  return tookMs;
}

async function newRun(profile: string): Promise<{ model: string | undefined; end: string }> {
  const client = await V2Client.connect(cluster.url());
  clients.push(client);
  try {
    const run = await client.run(directive({ text: "yes" }), profile);
    const end = await client.end(run);
    return {
      model: client.all("started")[0]?.model,
      end: end.type === "error" ? end.code : end.type,
    };
  } catch (error) {
    if (error instanceof Refused) return { model: undefined, end: error.code };
    throw error;
  }
}

test(`${CLIENTS * RUNS_PER_CLIENT} runs stream through every kind of edit, whole and in one attempt each`, async () => {
  const watched = await beginAll();
  await eventually("text everywhere", () => watched.every(({ run }) => run.text !== ""), {
    withinMs: 20_000,
  });
  const providers: Record<string, unknown> = FIRST();

  const waits: number[] = [];
  for (let index = 1; index <= ADDITIONS; index += 1) {
    waits.push(await addProvider(`fresh-${index}`, providers));
    providers[`fresh-${index}`] = provider("nvidia2");
  }
  console.log(`${ADDITIONS} providers added, edit to first text: ${inWords(figuresOf(waits))}`);

  const REFUSED = "configuration refused, the one before stays";
  const broken = { ...FIRST().hunyuan, maxConcurrency: -1, region: "moon", fallback: ["nobody"] };
  for (const refusal of await edit({ providers: { broken }, defaultProvider: "x" }, REFUSED)) {
    expect(refusal.problems).toEqual([
      expect.stringMatching(/^providers\.broken\.region: /),
      expect.stringMatching(/^providers\.broken\.maxConcurrency: /),
      expect.stringMatching(/^defaultProvider: /),
      expect.stringMatching(/^providers\.broken\.fallback: /),
    ]);
  }
  await edit('{"providers": {"hunyuan"', REFUSED);
  expect(await newRun("zhipu")).toEqual({ model: "first-model", end: "done" });

  providers.zhipu = provider("zhipu", { apiKey: "second-key", model: "second-model" });
  await edit({ providers }, "configuration reloaded");
  await eventually("the new model", async () => {
    const { model, end } = await newRun("zhipu");
    expect(end).toBe("done");
    return model === "second-model";
  });
  providers.zhipu = provider("zhipu", { apiKey: "bad-key" });
  await edit({ providers }, "configuration reloaded");
  await eventually("the new key", async () => (await newRun("zhipu")).end === "provider_auth");

  delete providers.nvidia1;
  await edit({ providers }, "configuration reloaded");
  expect(await newRun("nvidia1")).toMatchObject({ end: "unknown_provider" });

  // All of that happened while every one of them was being answered.
  expect(watched.filter(({ run }) => run.terminals.length > 0)).toEqual([]);
  for (const { client, run, prompt, profile } of watched) {
    expect(await client.end(run, 60_000)).toMatchObject({ type: "done" });
    expect(run.text).toBe(answerFor({ prompt, profile }));
    expect([run.restarts, run.terminals.length]).toEqual([0, 1]);
  }
  const ids = new Set(watched.map(({ run }) => run.id));
  const attempts = () => logs("attempt finished").filter(({ runId }) => ids.has(String(runId)));
  await eventually("the log of each", () => attempts().length >= watched.length);
  expect(attempts()).toHaveLength(watched.length);
  expect(clients.flatMap(({ faults }) => faults)).toEqual([]);
  expect(Math.max(...waits)).toBeLessThan(BAR_MS);

  expect(doomed.stats().sockets.open).toBeGreaterThan(0);
  const left = () => cluster.logs("worker", "provider no longer served").length === 2;
  await eventually("both workers to leave it", left, LEFT_WITHIN);
  await eventually("its sockets to close", () => doomed.stats().sockets.open === 0);
});
