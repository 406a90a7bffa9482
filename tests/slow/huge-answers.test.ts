/** Huge answers of characters of three bytes, all at once, and small ones among them. */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, figuresOf, inWords, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";
import { FireHose, type LongAnswer } from "./fire-hose.ts";
import { LongReader } from "./long-reader.ts";

/** 1 Mi characters, 3 MiB. */
const HUGE = { pieces: 64, gapMs: 5, filler: "一次只测量一个队列，其余的可以等一等。" };
const SMALL_EVERY_MS = 100;
const HUGE_WITHIN_MS = 240_000;

let simulator: Simulator;
let hose: FireHose;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  hose = await FireHose.start();
  const pool = { connections: 200 };
  const { providers } = simulatedGateway(simulator.url, { pool });
  const long = { kind: "openai", baseUrl: hose.url, model: "m", maxConcurrency: 200, pool };
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: { ...providers, long } },
    edges: 1,
    workers: 2,
    env: { RESUME_WINDOW_MS: "30000" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await hose?.stop();
  await simulator?.stop();
});

/** Asks for one small answer after another, and notes how long each took, and what went wrong. */
async function askSmall(closing: AbortSignal) {
  const client = await V2Client.connect(cluster.url());
  const tookMs: number[] = [];
  const wrong: unknown[] = [];
  for (let seed = 0; !closing.aborted; seed += 1) {
    const prompt = directive({ words: 20, gapMs: 20, seed });
    const askedAt = performance.now();
    try {
      const run = await client.run(prompt, "zhipu");
      const end = await client.end(run, 60_000);
      const isWhole = run.text === answerFor({ prompt, profile: "zhipu" });
      if (end.type !== "done" || !isWhole) wrong.push(end);
    } catch (error) {
      wrong.push(error);
    }
    tookMs.push(performance.now() - askedAt);
    await delay(SMALL_EVERY_MS);
  }
  client.close();
  return { tookMs, wrong: [...wrong, ...client.faults] };
}

test("huge answers arrive whole, no subscriber is cut, and no small run is refused", async () => {
  const answers = Array.from({ length: sizeOf("huge-answers") }, (_, index): LongAnswer => {
    return { id: `h${index}`, ...HUGE };
  });
  const readers = await Promise.all(answers.map(() => LongReader.connect(cluster.url(), "v2")));
  const closing = new AbortController();
  const small = askSmall(closing.signal);
  const startedAt = performance.now();
  for (const [index, answer] of answers.entries()) readers[index]?.ask(answer, "long");
  const isOver = () => readers.every((reader) => reader.isDone || reader.fault !== undefined);
  await eventually("every huge answer", isOver, { withinMs: HUGE_WITHIN_MS });
  const allMs = performance.now() - startedAt;
  closing.abort();
  const { tookMs: smallMs, wrong } = await small;

  console.log(
    `${answers.length} answers of 3 MiB in ${Math.round(allMs / 1_000)} s; ` +
      `small ones meanwhile: ${inWords(figuresOf(smallMs))}`,
  );
  expect(wrong).toEqual([]);
  expect(readers.flatMap(({ fault }) => fault ?? [])).toEqual([]);
  expect(cluster.logs("edge", "subscription restored")).toEqual([]);
  expect(cluster.logs("edge", "subscription is dead, connecting again")).toEqual([]);
  for (const reader of readers) reader.close();
});
