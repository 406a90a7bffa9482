/** Runs cancelled in mid-stream, seen from the provider's side, and what is left of them. */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, figuresOf, inWords, V1Client, V2Client } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { boundMs, sizeOf } from "../suites.ts";

const RUNS = sizeOf("cancel");
const AT_ONCE = 40;
const BAR_MS = boundMs({ promised: 500, fault: 3_000 });
const QUIET_RUNS = RUNS / 10;
const QUIET_BAR_MS = boundMs({ promised: 200, fault: 1_000 });
/** What waits for the next piece of text, or for a timer, takes longer than this. */
const USUAL_BAR_MS = 100;
const RESUME_WINDOW_MS = 3_000;
const PROVIDER = "zhipu";
/** What stays of a cluster however many runs it had. */
const ETERNAL = [/:runs:(?:meta|events|id|marker|stalled-check|clock)$/, /\{(?:nodes|builds)\}/];

let simulator: Simulator;
let cluster: Cluster;
let redis: Redis;
const random = new Random(7);
/** When the provider saw the end of a request, by its prompt. */
const closedAt = new Map<string, number>();
let asked = 0;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT), {
    onOver: (prompt, outcome) => {
      if (outcome === "aborted") closedAt.set(prompt, performance.now());
    },
  });
  redis = new Redis(inject("redisUrl"));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 200 } }),
    env: { LOG_LEVEL: "warn", RESUME_WINDOW_MS: String(RESUME_WINDOW_MS) },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
  redis?.disconnect();
});

/** A question of its own, whose answer takes far longer than it is let to. */
function nextPrompt(): string {
  asked += 1;
  return directive({ words: 400, gapMs: 50, seed: asked });
}

const isBeginning = (text: string, prompt: string) =>
  text !== "" && answerFor({ prompt, profile: PROVIDER }).startsWith(text);

/** From the moment a user lets go of a run to the moment its provider sees the socket close. */
async function upstreamClosed(prompt: string, cancelledAt: number): Promise<number> {
  const at = await eventually("the upstream to close", () => closedAt.get(prompt), {
    withinMs: 10_000,
  });
  return at - cancelledAt;
}

/** Asks over v1 and resolves in mid-answer. */
async function speakV1(client: V1Client, prompt: string): Promise<void> {
  client.say(prompt, PROVIDER);
  await eventually("some text", () => client.textSoFar !== "");
  await delay(random.between(0, 200));
}

async function cancelV1(): Promise<number> {
  const client = await V1Client.connect(cluster.url());
  const prompt = nextPrompt();
  await speakV1(client, prompt);
  const cancelledAt = performance.now();
  client.send('{"type":"cancel"}');
  const tookMs = await upstreamClosed(prompt, cancelledAt);
  const { text, terminal } = await client.reply();
  expect(terminal).toMatchObject({ type: "error", code: "cancelled" });
  expect(isBeginning(text, prompt)).toBe(true);
  expect([client.unclaimedSignals, client.textSoFar]).toEqual([0, ""]);
  client.close();
  return tookMs;
}

async function leaveV1(): Promise<number> {
  const client = await V1Client.connect(cluster.url());
  const prompt = nextPrompt();
  await speakV1(client, prompt);
  const cancelledAt = performance.now();
  if (random.chance(0.5)) client.terminate();
  else client.close();
  return upstreamClosed(prompt, cancelledAt);
}

async function cancelV2(): Promise<number> {
  const client = await V2Client.connect(cluster.url());
  const prompt = nextPrompt();
  const run = await client.run(prompt, PROVIDER);
  await eventually("some text", () => run.text !== "");
  await delay(random.between(0, 200));
  const cancelledAt = performance.now();
  client.send({ type: "cancel", run: run.id });
  const tookMs = await upstreamClosed(prompt, cancelledAt);
  expect(await client.end(run)).toEqual({ type: "cancelled", run: run.id });
  expect(isBeginning(run.text, prompt)).toBe(true);
  expect([run.terminals.length, client.faults]).toEqual([1, []]);
  client.close();
  return tookMs;
}

const WAYS = [
  ["v1 cancel", cancelV1],
  ["v2 cancel", cancelV2],
  ["v1 socket closed", leaveV1],
] as const;

/** Cancels so many runs, in every way in turn, and prints how long their upstreams took to close. */
async function cancelMany(what: string, { runs, atOnce }: { runs: number; atOnce: number }) {
  const took = new Map<string, number[]>(WAYS.map(([way]) => [way, []]));
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < runs) {
        const [way, cancel] = WAYS[next % WAYS.length] ?? WAYS[0];
        next += 1;
        took.get(way)?.push(await cancel());
      }
    }),
  );
  for (const [way, times] of took) {
    console.log(`${what}, ${way} to upstream closed: ${inWords(figuresOf(times))}`);
  }
  return figuresOf([...took.values()].flat());
}

async function keysLeft(): Promise<string[]> {
  const keys = await redis.keys(`${cluster.keyPrefix}*`);
  return keys.filter((key) => !ETERNAL.some((pattern) => pattern.test(key)));
}

test("one at a time: the upstream request is closed within 200 ms of the cancel", async () => {
  const figures = await cancelMany("quiet", { runs: QUIET_RUNS, atOnce: 1 });
  expect(figures.p50).toBeLessThan(USUAL_BAR_MS);
  expect(figures.p99).toBeLessThan(QUIET_BAR_MS);
});

test(`${RUNS} runs, ${AT_ONCE} at once: every upstream closed within 500 ms, no job and no key left`, async () => {
  const before = simulator.stats().total.aborted;
  const figures = await cancelMany("busy", { runs: RUNS, atOnce: AT_ONCE });
  expect(figures.count).toBe(RUNS);
  expect(figures.max).toBeLessThan(BAR_MS);
  expect(simulator.stats().total).toMatchObject({ aborted: before + RUNS, active: 0 });

  const isJob = (key: string) => key.includes("{queue-");
  // Otherwise what follows would find nothing because it looks for the wrong names.
  expect((await keysLeft()).filter((key) => !isJob(key)).length).toBeGreaterThan(0);
  await eventually("the last job to go", async () => !(await keysLeft()).some(isJob));
  const endedAt = performance.now();
  await eventually("the last key to go", async () => (await keysLeft()).length === 0, {
    withinMs: RESUME_WINDOW_MS + 1_000,
    everyMs: 100,
  });
  const afterMs = Math.round(performance.now() - endedAt);
  console.log(`${RUNS} cancelled runs: 0 jobs, 0 keys, ${afterMs} ms after the last (window 3 s)`);
});
