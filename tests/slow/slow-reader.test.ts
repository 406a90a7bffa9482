/** A hundred clients that stop reading, in the company of two hundred that do not. */
import { execFile } from "node:child_process";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, figuresOf, inWords, V1Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { isFull, sizeOf } from "../suites.ts";
import { FireHose, type LongAnswer } from "./fire-hose.ts";
import { LongReader } from "./long-reader.ts";

const OTHERS = 200;
const GAP_MS = 100;
/** Most of the stopped read along with one user, so that two answers of one provider fill them all. */
const READERS = { v1: 10, v2: 90 };
/**
 * The kernels of both sides take some 4 MB of an unread connection, and the edge holds only what is
 * beyond. So each phase begins with two long answers, which are not measured.
 */
const LONG = { pieces: 140, gapMs: 80 };
/** The answer to all readers meanwhile, for as long as is measured. */
const LIVE = { pieces: isFull ? 24 : 10, gapMs: 500 };
const SETTLE_MS = 2_000;
/** They come back one after the other. */
const RETURN_EVERY_MS = 50;
const STOPPED = READERS.v1 + READERS.v2;
/** The more rounds, the less a moment of the machine counts. */
const MOST_SLOWER = isFull ? 1.2 : 2;
const MEGABYTE = 1024 * 1024;
/** Of what is held back, some 180 MB, the smaller part; it is in the logs. The rest is garbage not yet collected. */
const MOST_GROWTH_BYTES = 96 * MEGABYTE;

let simulator: Simulator;
let hose: FireHose;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  hose = await FireHose.start();
  const pool = { connections: 1_000 };
  const { providers } = simulatedGateway(simulator.url, { pool });
  const long = { kind: "openai", baseUrl: hose.url, model: "m", maxConcurrency: 1_000, pool };
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: { ...providers, long } },
    edges: 1,
    workers: 2,
    env: { WORKER_CONCURRENCY: "1000", RESUME_WINDOW_MS: "45000" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await hose?.stop();
  await simulator?.stop();
});

/** What was seen while the readers behaved in one way. */
interface Phase {
  readonly gaps: number[];
  residentBytes: number;
  /** How late this very process was, which reads for three hundred. */
  readonly lag: IntervalHistogram;
}

const phaseNames = ["reading", "stopped", "catching up"] as const;
type PhaseName = (typeof phaseNames)[number];
const phases = new Map<PhaseName, Phase>(
  phaseNames.map((name) => [
    name,
    { gaps: [], residentBytes: 0, lag: monitorEventLoopDelay({ resolution: 5 }) },
  ]),
);
let current: Phase | undefined;

function enter(name?: PhaseName): void {
  current?.lag.disable();
  current = name && phases.get(name);
  current?.lag.enable();
}

/** Reads one answer after the other, byte for byte, and notes the time between any two pieces. */
async function converse(user: number, closing: AbortSignal): Promise<void> {
  // Two hundred who begin at the same moment are another test's business.
  await delay(user * 10);
  const client = await V1Client.connect(cluster.url());
  let heardAt: number | undefined;
  client.onFrame = (frame) => {
    const now = performance.now();
    if (frame.startsWith('{"type"')) heardAt = undefined;
    else {
      if (heardAt !== undefined) current?.gaps.push(now - heardAt);
      heardAt = now;
    }
  };
  for (let round = 0; !closing.aborted; round += 1) {
    const prompt = directive({ words: 40, gapMs: GAP_MS, seed: user * 1_000 + round });
    const { text, terminal } = await client.ask(prompt, "zhipu");
    if (closing.aborted) break;
    expect(terminal).toEqual({ type: "done" });
    expect(text).toBe(answerFor({ prompt, profile: "zhipu" }));
  }
  client.close();
}

async function watchMemory(closing: AbortSignal): Promise<void> {
  const [edge] = cluster.processes("edge");
  const pid = String(edge?.process.pid);
  while (!closing.aborted) {
    const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", pid]);
    if (current) current.residentBytes = Math.max(current.residentBytes, Number(stdout) * 1024);
    await delay(250);
  }
}

const connectAll = (count: number, protocol: "v1" | "v2", session: string) =>
  Promise.all(
    Array.from({ length: count }, () => LongReader.connect(cluster.url(session), protocol)),
  );

/** A user whose answers ninety others read along, and ten who ask for themselves. */
class Crowd {
  readonly #owner: LongReader;
  readonly #v1: readonly LongReader[];
  readonly #v2: readonly LongReader[];
  readonly #session: string;
  #asked = 0;

  private constructor(session: string, readers: readonly LongReader[][]) {
    const [[owner] = [], v1 = [], v2 = []] = readers;
    if (!owner) throw new Error("unreachable: one was connected");
    this.#session = session;
    this.#owner = owner;
    this.#v1 = v1;
    this.#v2 = v2;
  }

  static async connect(session: string): Promise<Crowd> {
    const owner = await connectAll(1, "v2", session);
    const v1 = await connectAll(READERS.v1, "v1", session);
    return new Crowd(session, [owner, v1, await connectAll(READERS.v2, "v2", session)]);
  }

  get readers(): LongReader[] {
    return [...this.#v1, ...this.#v2];
  }

  /** Two more answers for all readers; resolves when the owner has them. */
  async ask(pace: Omit<LongAnswer, "id">): Promise<void> {
    for (let count = 0; count < 2; count += 1) {
      this.#asked += 1;
      const answer = { id: `${this.#session} ${this.#asked}`, ...pace };
      this.#owner.ask(answer, "long");
      const run = await eventually("the run", () => this.#owner.runs[this.#asked - 1]);
      for (const reader of this.#v2) reader.follow(run, answer);
      for (const [user, reader] of this.#v1.entries()) {
        // One after the other, so each in half the time.
        const own = { ...answer, id: `${answer.id} ${user}`, gapMs: answer.gapMs / 2 };
        reader.ask(own, "long");
      }
    }
    await this.#until([this.#owner]);
  }

  /** All readers have every answer, as it should be. */
  async finish(): Promise<void> {
    const all = [this.#owner, ...this.readers];
    await this.#until(all);
    expect(all.map(({ fault }) => fault).filter(Boolean)).toEqual([]);
    for (const reader of all) reader.close();
  }

  async #until(readers: readonly LongReader[]): Promise<void> {
    const isOver = ({ isDone, fault }: LongReader) => isDone || fault !== undefined;
    await eventually("the answers", () => readers.every(isOver), { withinMs: 60_000 });
  }
}

/** The same load every time; in the one phase those it is for read it, in the other they do not. */
async function load(phase: "reading" | "stopped", round: number): Promise<void> {
  const session = `${phase}-${round}`;
  const crowd = await Crowd.connect(session);
  if (phase === "stopped") for (const reader of crowd.readers) reader.pause();
  await crowd.ask(LONG);
  await delay(SETTLE_MS);
  enter(phase);
  await crowd.ask(LIVE);
  if (phase === "stopped") {
    expectHeldBack(session);
    enter("catching up");
    for (const reader of crowd.readers) {
      reader.resume();
      await delay(RETURN_EVERY_MS);
    }
  }
  await crowd.finish();
  enter();
}

/** No reader that stopped got both of the first long answers; else there was nothing to hold back. */
function expectHeldBack(session: string): void {
  const ended = (message: string) =>
    cluster.logs("edge", message).filter((line) => line.session === session).length;
  expect(ended("resumed run finished")).toBe(0);
  const ofOwner = 4;
  expect(ended("run finished")).toBeLessThanOrEqual(ofOwner + READERS.v1);
}

/** One after the other, so that a machine that grows busier is not taken for the edge. */
async function loadInTurn(): Promise<void> {
  for (let round = 1; round <= sizeOf("slow-reader"); round += 1) {
    await load("reading", round);
    await load("stopped", round);
  }
}

test("are held back in bounded memory, hurt nobody, and are caught up byte for byte", async () => {
  const closing = new AbortController();
  await Promise.all([
    watchMemory(closing.signal),
    ...Array.from({ length: OTHERS }, (_, user) => converse(user, closing.signal)),
    loadInTurn().finally(() => closing.abort()),
  ]);

  for (const [name, { gaps, residentBytes, lag }] of phases) {
    const memory = `edge at most ${Math.round(residentBytes / MEGABYTE)} MB`;
    const late = `this process late by ${Math.round(lag.percentile(99) / 1e6)} ms (p99)`;
    const others = `gaps of ${OTHERS} others ${inWords(figuresOf(gaps))}`;
    console.log(`${STOPPED} ${name}: ${others}, ${memory}, ${late}`);
  }
  const [reading, stopped] = [phases.get("reading"), phases.get("stopped")];
  if (!reading || !stopped) throw new Error("unreachable: both are above");
  const ratio = figuresOf(stopped.gaps).p99 / figuresOf(reading.gaps).p99;
  console.log(`p99 gap with ${STOPPED} stopped against reading: ${ratio.toFixed(2)} times`);
  expect(ratio).toBeLessThan(MOST_SLOWER);
  expect(stopped.residentBytes - reading.residentBytes).toBeLessThan(MOST_GROWTH_BYTES);
});
