/** Runs whose record, log or job is no longer what it was: they fail alone, and at once. */

import type { V2Down } from "@openclaw/protocol";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V2Client, type V2Run } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { boundMs } from "../suites.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const CLIENTS = 2;
/** Of each client. */
const RUNS = 25;
const GAP_MS = 50;
const AT_ONCE_MS = boundMs({ promised: 1_000, fault: 8_000 });

let redis: Redis;
let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  redis = new Redis(inject("redisUrl"));
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 200 } }),
    edges: 1,
    workers: 1,
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
  redis?.disconnect();
});

const prompt = directive({ words: 300, gapMs: GAP_MS, seed: 1 });

/** Some users beside the one without luck, and the longest time that any of their runs said nothing. */
class Neighbours {
  readonly #clients: readonly V2Client[];
  readonly #runs: { readonly client: V2Client; readonly run: V2Run }[] = [];
  readonly #heardAt = new Map<string, number>();
  longestMs = 0;

  private constructor(clients: readonly V2Client[]) {
    this.#clients = clients;
    for (const client of clients) client.onFrame = (frame) => this.#note(frame);
  }

  static async begin(): Promise<Neighbours> {
    const connect = () => V2Client.connect(cluster.url());
    const all = new Neighbours(await Promise.all(Array.from({ length: CLIENTS }, connect)));
    for (const client of all.#clients) {
      for (let count = 0; count < RUNS; count += 1) {
        all.#runs.push({ client, run: await client.run(prompt, "zhipu") });
      }
    }
    await eventually("text everywhere", () => all.#runs.every(({ run }) => run.text !== ""));
    return all;
  }

  #note(frame: V2Down): void {
    if (frame.type !== "delta") return;
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - (this.#heardAt.get(frame.run) ?? now));
    this.#heardAt.set(frame.run, now);
  }

  async expectWhole(): Promise<void> {
    for (const { client, run } of this.#runs) {
      expect(await client.end(run, 60_000)).toMatchObject({ type: "done" });
      expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
      expect(run.restarts).toBe(0);
    }
    for (const client of this.#clients) client.close();
  }
}

const linesAbout = (runId: string) =>
  (["edge", "worker"] as const).flatMap((service) =>
    cluster
      .processes(service)
      .flatMap(({ logs }) => logs.filter((line) => line.runId === runId && line.level === 50)),
  );

test.each(["run", "log"])(
  "%s: one is spoilt, its client hears of it at once, and 50 neighbours notice nothing",
  async (kind) => {
    const unlucky = await V2Client.connect(cluster.url());
    const neighbours = await Neighbours.begin();
    const spoilt = await unlucky.run(prompt, "zhipu");
    await eventually("its text", () => spoilt.text !== "");

    await redis.set(`${cluster.keyPrefix}{0}:${kind}:${spoilt.id}`, "spoilt", "PX", 60_000);
    const spoiltAt = performance.now();
    const end = await unlucky.end(spoilt, 60_000);
    const toldMs = performance.now() - spoiltAt;
    await neighbours.expectWhole();
    console.log(
      `spoilt ${kind}: told after ${Math.round(toldMs)} ms, longest silence beside it ` +
        `${Math.round(neighbours.longestMs)} ms`,
    );
    expect(end).toMatchObject({ type: "error", code: "internal" });
    expect(toldMs).toBeLessThan(AT_ONCE_MS);
    expect(neighbours.longestMs).toBeLessThan(AT_ONCE_MS);
    expect(linesAbout(spoilt.id)).toHaveLength(1);
    unlucky.close();
  },
);
