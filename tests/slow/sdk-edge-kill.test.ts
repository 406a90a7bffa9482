/** SDK users behind a load balancer, under whom edges are killed in turn. */
import { setTimeout as delay } from "node:timers/promises";
import { INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { figuresOf, inWords } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { AskingUser } from "../e2e/asking-user.ts";
import { BalancedGateway } from "../e2e/balanced-gateway.ts";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";

const CLIENTS = 20;
const KILLS = sizeOf("sdk-edge-kill");
const KILL_EVERY_MS = 5_000;
/** The last kill long enough before the end for answers to meet it. */
const FOR_MS = (KILLS + 1) * KILL_EVERY_MS;
const EDGES = 3;
const GAP_MS = 40;
/** Answers of 2 s to 16 s: some meet no kill, some meet three. */
const WORDS = { least: 50, most: 400 };

const random = new Random(5);

let simulator: Simulator;
let gateway: BalancedGateway;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  gateway = await BalancedGateway.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 100 } }),
    edges: EDGES,
    workers: 2,
    env: { LOG_LEVEL: "warn" },
  });
});

afterAll(async () => {
  await gateway?.stop();
  await simulator?.stop();
});

/** One every five seconds on the dot, however long it takes to start one again. */
async function killInTurn(startedAt: number): Promise<void> {
  const starting = Array.from({ length: EDGES }, () => Promise.resolve());
  for (let kill = 0; kill < KILLS; kill += 1) {
    await delay(startedAt + (kill + 1) * KILL_EVERY_MS - performance.now());
    const edge = kill % EDGES;
    await starting[edge];
    await gateway.end(edge, "SIGKILL");
    // Its turn at the balancer closes at once until it is there again.
    starting[edge] = gateway.restart(edge);
  }
  await Promise.all(starting);
}

test(`${CLIENTS} SDK clients stream for ${FOR_MS / 1_000} s while an edge is killed every ${KILL_EVERY_MS / 1_000} s: no error, no wrong byte`, async () => {
  const startedAt = performance.now();
  const users = Array.from({ length: CLIENTS }, (_, name) => {
    return new AskingUser({ url: gateway.url, name, random, words: WORDS, gapMs: GAP_MS });
  });
  await Promise.all([
    killInTurn(startedAt),
    ...users.map((user) => user.askWhile(() => performance.now() < startedAt + FOR_MS)),
  ]);
  const pauses = users.flatMap((user) => user.pauses);
  const sum = (of: (user: AskingUser) => number) =>
    users.reduce((total, user) => total + of(user), 0);
  console.log(
    `${KILLS} edges killed under ${sum(({ answers }) => answers)} answers ` +
      `(${sum(({ bytes }) => bytes)} bytes); connections lost in mid-answer: ` +
      `${pauses.length}, more text after ${inWords(figuresOf(pauses))}`,
  );
  expect(users.flatMap(({ errors }) => errors)).toEqual([]);
  expect(users.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(sum(({ restarts }) => restarts)).toBe(0);
  // Each kill hits a third of the users on average.
  expect(pauses.length).toBeGreaterThan((KILLS * CLIENTS) / EDGES / 2);
});
