/** A provider that gives a reason to stop with every piece, and a worker that is killed in the middle. */
import { once } from "node:events";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";

const PIECES = sizeOf("repeated-reasons");
/** Users of each protocol. */
const EACH = 2;
const GAP_MS = 20;
const WITHIN_MS = 4 * PIECES * GAP_MS + 60_000;

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    edges: 1,
    workers: 1,
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

test("every user has the whole text, and the end only behind it", async () => {
  const question = (seed: number) =>
    directive({ words: PIECES, seed, gapMs: GAP_MS, finishKey: "each" });
  const whole = (seed: number) => answerFor({ prompt: question(seed), profile: "zhipu" });
  const seeds = Array.from({ length: EACH }, (_, at) => at + 1);
  const framed = await V2Client.connect(cluster.url());
  const plain = await Promise.all(seeds.map(() => V1Client.connect(cluster.url())));

  const runs = await Promise.all(seeds.map((seed) => framed.run(question(seed), "zhipu")));
  const replies = plain.map((client, at) => client.ask(question(at + 1), "zhipu", WITHIN_MS));
  await eventually(
    "the middle of every answer",
    () =>
      [...runs.map(({ text }) => text), ...plain.map((client) => client.textSoFar)].every(
        (text, at) => text.length > whole((at % EACH) + 1).length / 3,
      ),
    { withinMs: WITHIN_MS },
  );
  const [victim] = cluster.running("worker");
  if (!victim) throw new Error("no worker runs");
  victim.process.kill("SIGKILL");
  await once(victim.process, "exit");
  await cluster.add("worker");

  for (const [at, run] of runs.entries()) {
    expect(await framed.end(run, WITHIN_MS)).toMatchObject({ type: "done", finish: "stop" });
    expect(run.text).toBe(whole(at + 1));
  }
  for (const [at, reply] of (await Promise.all(replies)).entries()) {
    expect([reply.terminal.type, reply.text]).toEqual(["done", whole(at + 1)]);
  }
  expect(framed.faults).toEqual([]);
  const attempts = cluster.logs("edge", "run finished").map((line) => Number(line.attempts));
  expect(attempts).toEqual(Array(2 * EACH).fill(2));
  framed.close();
  for (const client of plain) client.close();
});
