/** Workers that die one after the other, faster than some runs can end: no run is failed for that. */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";

/** Fewer than one run may lose: none can be failed for them, however they fall. */
const KILLS = sizeOf("kill-storm");
const KILL_EVERY_MS = 4_000;
const FOR_MS = (KILLS + 1) * KILL_EVERY_MS - 2_000;
const RUNS_A_SECOND = 25;
const RUNS = Math.round((FOR_MS / 1_000) * RUNS_A_SECOND);
const CLIENTS = 10;
const ANSWER = { words: 20, gapMs: 100 };

const random = new Random(3);

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 400 } }),
    edges: 1,
    workers: 3,
    env: { LOG_LEVEL: "warn", WORKER_CONCURRENCY: "400" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

/** Asks at its time; answers how it came out, and how often it began again. */
async function ask(client: V2Client, index: number) {
  await delay((FOR_MS / RUNS) * index);
  const prompt = directive({ ...ANSWER, seed: index });
  const run = await client.run(prompt, "zhipu");
  const terminal = await client.end(run, 120_000);
  const isWhole = run.text === answerFor({ prompt, profile: "zhipu" });
  const outcome = terminal.type === "error" ? terminal.code : terminal.type;
  return { outcome: outcome === "done" && !isWhole ? "wrong text" : outcome, run };
}

/** One at a time, however long another one takes to start on a busy machine: without any worker, no run would be served. */
async function killInTurn(): Promise<void> {
  for (let kill = 0; kill < KILLS; kill += 1) {
    const [workers] = await Promise.all([cluster.running("worker"), delay(KILL_EVERY_MS)]);
    workers[random.between(0, workers.length - 1)]?.process.kill("SIGKILL");
    await cluster.add("worker");
  }
}

test(`${KILLS} of 3 workers are killed in ${FOR_MS / 1_000} s under ${RUNS} answers: every one of them is whole`, async () => {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => V2Client.connect(cluster.url())),
  );
  const killing = killInTurn();
  killing.catch(() => undefined); // told below
  const asked = await Promise.all(
    Array.from({ length: RUNS }, (_, index) => {
      const client = clients[index % CLIENTS];
      if (!client) throw new Error("unreachable");
      return ask(client, index);
    }),
  );
  await killing;
  const restarts = asked.map(({ run }) => run.restarts);
  const count = (least: number) => restarts.filter((times) => times >= least).length;
  console.log(
    `${KILLS} workers killed under ${RUNS} runs: ${count(1)} begun anew, ${count(2)} more than once`,
  );
  expect(asked.filter(({ outcome }) => outcome !== "done").map(({ outcome }) => outcome)).toEqual(
    [],
  );
  expect(clients.flatMap(({ faults }) => faults)).toEqual([]);
  expect(count(1)).toBeGreaterThan(0);
  for (const client of clients) client.close();
});
