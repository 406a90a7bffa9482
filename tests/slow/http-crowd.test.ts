/** Many answers over HTTP at once, three of ten of which are left in the middle. */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { ChatReader, Cluster, eventually, figuresOf, inWords, V1Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { boundMs, sizeOf } from "../suites.ts";

const READERS = sizeOf("http-crowd");
const LEAVERS = 0.3 * READERS;
const LEAVING_MS = 3_000;
const CLOSED_BAR_MS = boundMs({ promised: 500, fault: 3_000 });
const ROUNDS = 0.3 * READERS;
/** What the HTTP door may add to the first text, p50, and how often the time of a socket on a busy machine. */
const ADDED_BAR_MS = 2;
const ADDED_BAR_SHARE = 0.5;
const PROVIDER = "zhipu";

let simulator: Simulator;
let cluster: Cluster;
const random = new Random(5);
/** When the provider saw the client of a request go, by its prompt. */
const closedAt = new Map<string, number>();

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT), {
    onOver: (prompt, outcome) => {
      if (outcome === "aborted") closedAt.set(prompt, performance.now());
    },
  });
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 1_000 } }),
    env: { LOG_LEVEL: "warn", WORKER_CONCURRENCY: "1000" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

const isBeginning = (text: string, prompt: string) =>
  text !== "" && answerFor({ prompt, profile: PROVIDER }).startsWith(text);

/** Leaves in the middle; resolves with when. */
async function leave(reader: ChatReader): Promise<number> {
  await delay(random.between(0, LEAVING_MS));
  const leftAt = performance.now();
  reader.leave();
  return leftAt;
}

async function stay(reader: ChatReader, prompt: string): Promise<void> {
  await reader.whole();
  expect(reader.text).toBe(answerFor({ prompt, profile: PROVIDER }));
}

test("all are whole and byte-exact, and whoever leaves is no longer paid for within 500 ms", async () => {
  const conversations = await Promise.all(
    Array.from({ length: READERS }, async (_, seed) => {
      const prompt = directive({ words: 40, gapMs: 300, seed });
      return { prompt, reader: await ChatReader.ask(cluster.host, { model: PROVIDER, prompt }) };
    }),
  );
  const areAllAnswered = () => conversations.every(({ reader }) => reader.text !== "");
  await eventually("everybody to be answered", areAllAnswered, { withinMs: 30_000 });
  expect(conversations.every(({ reader }) => !reader.isOver)).toBe(true);

  const [leaving, staying] = [conversations.slice(0, LEAVERS), conversations.slice(LEAVERS)];
  const [leftAt] = await Promise.all([
    Promise.all(leaving.map(({ reader }) => leave(reader))),
    Promise.all(staying.map(({ reader, prompt }) => stay(reader, prompt))),
  ]);
  // On a busy machine a worker may lose a lease, and an attempt for a reader that stays is closed too.
  const isClosed = ({ prompt }: { prompt: string }) => closedAt.has(prompt);
  await eventually("every upstream of those who left to close", () => leaving.every(isClosed));
  const times = leaving.map(({ reader, prompt }, index) => {
    expect(isBeginning(reader.text, prompt)).toBe(true);
    return (closedAt.get(prompt) ?? Number.NaN) - (leftAt[index] ?? Number.NaN);
  });
  const figures = figuresOf(times);
  console.log(`left to upstream closed, ${READERS} at once: ${inWords(figures)}`);
  expect(figures.count).toBe(LEAVERS);
  expect(times.every((ms) => ms < CLOSED_BAR_MS)).toBe(true);
  expect(simulator.stats().total.active).toBe(0);
});

test("first text comes as soon as over a WebSocket", async () => {
  const client = await V1Client.connect(cluster.url());
  const times = { socket: [] as number[], http: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const prompt = directive({ words: 2, seed: 10_000 + round });
    const { firstTextMs = Number.NaN } = await client.ask(prompt, PROVIDER);
    times.socket.push(firstTextMs);
    const reader = await ChatReader.ask(cluster.host, { model: PROVIDER, prompt });
    await reader.whole();
    times.http.push(reader.firstTextMs);
  }
  client.close();
  const [socket, http] = [figuresOf(times.socket), figuresOf(times.http)];
  console.log(`first text: over a WebSocket ${inWords(socket)}, over HTTP ${inWords(http)}`);
  const addedMs = http.p50 - socket.p50;
  console.log(`HTTP adds ${addedMs.toFixed(2)} ms (p50)`);
  expect(addedMs).toBeLessThan(Math.max(ADDED_BAR_MS, ADDED_BAR_SHARE * socket.p50));
});
