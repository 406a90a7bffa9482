/** SDK users behind a load balancer, under whom edges are killed in turn. */
import { setTimeout as delay } from "node:timers/promises";
import { GatewayClient } from "@openclaw/client";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { figuresOf, inWords } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { WebSocket } from "ws";
import { Random } from "../chaos/random.ts";
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

/** Asks again and again until the time is over, and compares every byte. */
class User {
  readonly #client = new GatewayClient({ url: gateway.url, WebSocket });
  readonly #name: number;
  readonly errors: unknown[] = [];
  readonly wrong: string[] = [];
  /** Of every time the connection was lost in mid-answer, in milliseconds until more text came. */
  readonly pauses: number[] = [];
  restarts = 0;
  answers = 0;
  bytes = 0;

  constructor(name: number) {
    this.#name = name;
  }

  async askUntil(deadline: number): Promise<void> {
    for (let question = 0; performance.now() < deadline; question += 1) {
      const words = random.between(WORDS.least, WORDS.most);
      const prompt = directive({ words, gapMs: GAP_MS, seed: 1_000 * this.#name + question });
      try {
        await this.#ask(prompt);
      } catch (error) {
        this.errors.push(error);
      }
    }
    this.#client.close();
  }

  async #ask(prompt: string): Promise<void> {
    const run = this.#client.run(prompt, { provider: "zhipu" });
    const watched = this.#watch(run.events());
    let text = "";
    for await (const delta of run) text += delta;
    await watched;
    if (text !== answerFor({ prompt, profile: "zhipu" })) this.wrong.push(prompt);
    this.answers += 1;
    this.bytes += Buffer.byteLength(text);
  }

  async #watch(events: ReturnType<ReturnType<GatewayClient["run"]>["events"]>): Promise<void> {
    let lostAt: number | undefined;
    for await (const { type } of events) {
      if (type === "reconnecting") lostAt ??= performance.now();
      else if (type === "restarted") this.restarts += 1;
      else if (lostAt !== undefined && type === "delta") {
        this.pauses.push(performance.now() - lostAt);
        lostAt = undefined;
      }
    }
  }
}

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
  const users = Array.from({ length: CLIENTS }, (_, name) => new User(name));
  await Promise.all([
    killInTurn(startedAt),
    ...users.map((user) => user.askUntil(startedAt + FOR_MS)),
  ]);
  const pauses = users.flatMap((user) => user.pauses);
  const sum = (of: (user: User) => number) => users.reduce((total, user) => total + of(user), 0);
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
