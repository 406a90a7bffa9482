/**
 * Two releases in one cluster: it is brought up to date under its users, and back. Every pair meets on
 * the way: old edges with new workers, and new edges with old workers. Half of the replaced processes die instead of
 * leaving.
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import type { ClusterProcess } from "@openclaw/testing";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { Random } from "../chaos/random.ts";
import { AskingUser } from "../e2e/asking-user.ts";
import { BalancedGateway } from "../e2e/balanced-gateway.ts";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";
import { buildBase, reasonAgainstBase } from "./base-release.ts";

const ROUNDS = sizeOf("skew");
const USERS = 12;
/** Answers of 1 to 4 s. */
const WORDS = { least: 20, most: 90 };
const GAP_MS = 40;
/** Longer than an answer: what was handed over once is done before the next is replaced. */
const BETWEEN_MS = 5_000;
/** Shorter than most answers: workers that leave hand runs over to the other release. */
const DRAIN_MS = "500";

const reason = reasonAgainstBase();
beforeEach(({ skip }) => skip(reason !== undefined, reason));

let simulator: Simulator | undefined;
let gateway: BalancedGateway | undefined;
let base = "";

beforeAll(async () => {
  if (reason !== undefined) return;
  base = buildBase();
  simulator = await startSimulator(profilesAt(INSTANT));
});

afterAll(async () => {
  await gateway?.stop();
  await simulator?.stop();
});

type Part = "workers" | "edges";

/** A cluster all of the base release, of which one process after the other is replaced. */
class Upgrade {
  readonly #gateway: BalancedGateway;
  readonly #workers: ClusterProcess[];

  private constructor(gateway: BalancedGateway) {
    this.#gateway = gateway;
    this.#workers = gateway.cluster.running("worker");
  }

  static async from(gateway: BalancedGateway): Promise<Upgrade> {
    const upgrade = new Upgrade(gateway);
    for (const part of ["workers", "edges"] as const) await upgrade.replaceAll(part, base, 0);
    return upgrade;
  }

  /** The first of them leaves as it should, the last one dies. */
  async replaceAll(part: Part, checkout: string, betweenMs: number): Promise<void> {
    for (const [index, signal] of (["SIGTERM", "SIGKILL"] as const).entries()) {
      if (part === "workers") await this.#replaceWorker(index, signal, checkout);
      else await this.#replaceEdge(index, signal, checkout);
      await delay(betweenMs);
    }
  }

  async #replaceWorker(index: number, signal: NodeJS.Signals, checkout: string): Promise<void> {
    const before = this.#workers[index];
    if (!before) throw new RangeError(`there is no worker ${index}`);
    const env = { WORKER_DRAIN_MS: DRAIN_MS };
    this.#workers[index] = await this.#gateway.cluster.add("worker", env, checkout);
    const exited = once(before.process, "exit");
    before.process.kill(signal);
    await exited;
  }

  async #replaceEdge(
    index: number,
    signal: "SIGTERM" | "SIGKILL",
    checkout: string,
  ): Promise<void> {
    await this.#gateway.end(index, signal);
    await this.#gateway.restart(index, checkout);
  }
}

const ORDERS: readonly (readonly Part[])[] = [
  ["workers", "edges"],
  ["edges", "workers"],
];

test.each(Array.from({ length: ROUNDS }, (_, round) => ORDERS[round % ORDERS.length] ?? []))(
  "%s first, then %s, to this release and back to the one before, under users: no failed run, no wrong byte",
  async (...order) => {
    if (!simulator) throw new Error("there is no simulator");
    gateway = await BalancedGateway.start({
      redisUrl: inject("redisUrl"),
      gateway: simulatedGateway(simulator.url, { pool: { connections: 100 } }),
      edges: 2,
      workers: 2,
      env: { LOG_LEVEL: "warn" },
    });
    const { url } = gateway;
    const upgrade = await Upgrade.from(gateway);
    const random = new Random(11);
    const users = Array.from({ length: USERS }, (_, name) => {
      return new AskingUser({ url, name, random, words: WORDS, gapMs: GAP_MS });
    });
    let isOver = false;
    const asking = users.map((user) => user.askWhile(() => !isOver));
    const answers = () => users.reduce((sum, user) => sum + user.answers, 0);
    try {
      await delay(BETWEEN_MS);
      for (const checkout of [".", base]) {
        for (const part of order) {
          const before = answers();
          await upgrade.replaceAll(part, checkout, BETWEEN_MS);
          expect(answers()).toBeGreaterThan(before);
        }
      }
    } finally {
      isOver = true;
      await Promise.all(asking);
    }
    console.log(
      `${answers()} answers, ${users.reduce((sum, user) => sum + user.restarts, 0)} begun anew, ` +
        `longest silence ${Math.round(Math.max(...users.map((user) => user.longestSilenceMs)))} ms`,
    );
    expect(users.flatMap(({ errors }) => errors)).toEqual([]);
    expect(users.flatMap(({ wrong }) => wrong)).toEqual([]);
    await gateway.stop();
  },
);
