/** Edges that are killed at random moments, again and again, under clients that come back. */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import {
  Cluster,
  type ClusterProcess,
  eventually,
  figuresOf,
  inWords,
  V2Client,
  type V2Fault,
  type V2Run,
} from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { boundMs, sizeOf } from "../suites.ts";

/** Every kill makes every client reconnect: a run comes back this often. */
const KILLS_PER_ROUND = 5;
const ROUNDS = sizeOf("edge-kill") / KILLS_PER_ROUND;
const CLIENTS = 6;
/** A long answer lasts throughout and a short one ends soon, so that some clients come back to an ended run. */
const WORDS = [400, 80];
const GAP_MS = 25;
/** A reader that is told of nothing reads its log again after 2 s. */
const BAR_MS = boundMs({ promised: 1_000, fault: 2_000 });

const random = new Random(18);

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 200 } }),
    edges: 1,
    workers: 1,
    env: { LOG_LEVEL: "warn" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

interface Asked {
  readonly prompt: string;
  readonly run: V2Run;
}

/** A user of two runs who comes back whenever the edge is gone, and measures how long that takes. */
class Traveller {
  readonly #session: string;
  readonly #asked: Asked[] = [];
  readonly #clients: V2Client[] = [];
  readonly waits: number[] = [];

  constructor(session: string) {
    this.#session = session;
  }

  get faults(): V2Fault[] {
    return this.#clients.flatMap(({ faults }) => faults);
  }

  async begin(): Promise<void> {
    const client = await this.#connect();
    for (const [seed, words] of WORDS.entries()) {
      const prompt = directive({ words, gapMs: GAP_MS, seed });
      this.#asked.push({ prompt, run: await client.run(prompt, "zhipu") });
    }
  }

  /** Comes back as soon as the socket is closed; resolves when every open run has gone on. */
  async comeBack(): Promise<void> {
    const before = this.#clients.at(-1);
    await eventually("the edge to be gone", () => before?.closed);
    const open = this.#asked.filter(({ run }) => run.terminals.length === 0);
    const startedAt = performance.now();
    const client = await this.#connect();
    await Promise.all(
      open.map(async ({ run }) => {
        const had = run.text.length;
        const goesOn = eventually("the run to go on", () => {
          return run.text.length > had || run.terminals.length > 0;
        });
        client.runs.set(run.id, run);
        client.send({ type: "resume", run: run.id, after: run.at });
        await goesOn;
        this.waits.push(performance.now() - startedAt);
      }),
    );
  }

  /** Every run whole, ended once, and never begun again. */
  async finish(): Promise<void> {
    for (const { prompt, run } of this.#asked) {
      await eventually("the end", () => run.terminals[0], { withinMs: 30_000 });
      expect(run.terminals).toMatchObject([{ type: "done", finish: "stop" }]);
      expect(run.restarts).toBe(0);
      expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
    }
    for (const client of this.#clients) client.close();
  }

  async #connect(): Promise<V2Client> {
    const client = await V2Client.connect(cluster.url(this.#session));
    this.#clients.push(client);
    return client;
  }
}

/** Kills an edge once another one is there to come back to. */
async function replace(edge: ClusterProcess): Promise<ClusterProcess> {
  const next = await cluster.add("edge");
  await delay(random.between(0, 600));
  const exited = once(edge.process, "exit");
  edge.process.kill("SIGKILL");
  await exited;
  return next;
}

test(`kill -9 of an edge, ${ROUNDS * KILLS_PER_ROUND} times: v2 users go on elsewhere within 1 s, whole`, async () => {
  const waits: number[] = [];
  let [edge] = cluster.running("edge");
  for (let round = 0; round < ROUNDS; round += 1) {
    const travellers = Array.from(
      { length: CLIENTS },
      (_, user) => new Traveller(`round-${round}-user-${user}`),
    );
    await Promise.all(travellers.map((traveller) => traveller.begin()));
    for (let kill = 0; kill < KILLS_PER_ROUND; kill += 1) {
      if (!edge) throw new Error("no edge runs");
      edge = await replace(edge);
      await Promise.all(travellers.map((traveller) => traveller.comeBack()));
    }
    await Promise.all(travellers.map((traveller) => traveller.finish()));
    expect(travellers.flatMap(({ faults }) => faults)).toEqual([]);
    waits.push(...travellers.flatMap((traveller) => traveller.waits));
  }
  const figures = figuresOf(waits);
  console.log(
    `${ROUNDS * KILLS_PER_ROUND} edges killed, reconnect to going on: ${inWords(figures)}`,
  );
  expect(figures.max).toBeLessThan(BAR_MS);
});
