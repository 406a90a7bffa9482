/**
 * Redis dies, stands still, forgets, slows down, moves, or is cut off, under users who watch: runs in
 * flight go on or end clearly, new ones are refused at once while it is away, and all is well again
 * within 3 s of its return, without a restart.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import {
  Cluster,
  eventually,
  FaultyRedis,
  V1Client,
  type V1Signal,
  V2Client,
} from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";

const WELL_AGAIN_MS = 3_000;
/** Until an outage is known, a request may wait; from then on it is refused. */
const NOTICED_MS = 2_500;
const REFUSED_WITHIN_MS = 1_000;
const PROBE_EVERY_MS = 100;
const USERS = 10;
/** Share of a core that a process may take while it can only wait. */
const MOST_BUSY = 0.15;
const PROVIDERS = ["zhipu", "hunyuan", "nvidia1", "nvidia2"] as const;

let simulator: Simulator;
let redis: FaultyRedis;
let cluster: Cluster;

beforeEach(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  redis = await FaultyRedis.start();
  cluster = await Cluster.start({
    redisUrl: redis.url,
    gateway: simulatedGateway(simulator.url),
  });
});

afterEach(async () => {
  await cluster?.stop();
  await redis?.stop();
  await simulator?.stop();
});

test("killed, and back after 3 s with its data", async () => {
  const seen = await watch(async () => {
    await redis.kill();
    await delay(3_000);
    await redis.restart({ empty: false });
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("killed, and back after 3 s without any data", async () => {
  const seen = await watch(async () => {
    await redis.kill();
    await delay(3_000);
    await redis.restart({ empty: true });
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  // What was in flight cannot be whole any more, and says so.
  await expectEveryRunEnded(seen, ["unavailable"]);
});

test("stands still for 8 s", async () => {
  const seen = await watch(async () => {
    redis.freeze();
    await delay(8_000);
    redis.thaw();
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("answers every command 500 ms late, for 8 s", async () => {
  const seen = await watch(async () => {
    redis.network.latencyMs = 500;
    await delay(8_000);
    redis.network.latencyMs = 0;
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("answers 500 ms late, and its connections are reset meanwhile", async () => {
  const seen = await watch(async () => {
    redis.network.latencyMs = 500;
    await delay(3_000);
    redis.network.reset();
    await delay(5_000);
    redis.network.latencyMs = 0;
  });
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("is cut off without a word", async () => {
  const seen = await watch(async () => redis.network.silence());
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("has all its connections reset, three times", async () => {
  const seen = await watch(async () => {
    for (let times = 0; times < 3; times += 1) {
      redis.network.reset();
      await delay(500);
    }
  });
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("fails over to a replica, while old connections lead to the old master", async () => {
  const seen = await watch(() => redis.failOver());
  expectWellAgain(seen);
  // What was acknowledged a moment before may not have reached the replica.
  await expectEveryRunEnded(seen, ["done", "unavailable"]);
});

test("is away for 30 s: sockets stay, nothing spins, and every answer is whole in the end", async () => {
  const open = await Promise.all(
    Array.from({ length: USERS }, (_, index) => [openV1(index), openV2(index)]).flat(),
  );
  await eventually("text everywhere", () => open.every(({ heard }) => heard()));
  const processes = [...cluster.running("edge"), ...cluster.running("worker")];
  await redis.kill();
  // The first seconds are those of finding out.
  await delay(5_000);
  const before = processes.map(({ process }) => cpuSeconds(process.pid));
  const beganAt = performance.now();
  await delay(25_000);
  const seconds = (performance.now() - beganAt) / 1_000;
  const busy = processes.map(
    ({ process }, index) => (cpuSeconds(process.pid) - (before[index] ?? 0)) / seconds,
  );
  console.log(
    `busy while away: ${busy.map((share) => `${(100 * share).toFixed(1)} %`).join(", ")}`,
  );
  expect(Math.max(...busy)).toBeLessThan(MOST_BUSY);
  await redis.restart({ empty: false });
  await eventually("an answer", async () => (await probe()).terminal.type === "done", {
    withinMs: WELL_AGAIN_MS,
  });
  for (const run of open) {
    const { text, code, faults } = await run.end();
    expect([code, text === run.text, faults]).toEqual(["done", true, []]);
  }
  expect([...cluster.running("edge"), ...cluster.running("worker")]).toEqual(processes);
});

test("throws off the subscribers while an edge stands still, which then fills the gap", async () => {
  const direct = new Redis(redis.directUrl);
  const open = await Promise.all(
    Array.from({ length: USERS }, (_, index) => [openV1(index), openV2(index)]).flat(),
  );
  await eventually("text everywhere", () => open.every(({ heard }) => heard()));
  for (const { process } of cluster.running("edge")) {
    process.kill("SIGSTOP");
    // What Redis does to one whose messages pile up.
    expect(await direct.call("CLIENT", "KILL", "TYPE", "pubsub")).toBeGreaterThan(0);
    await delay(2_000);
    process.kill("SIGCONT");
  }
  direct.disconnect();
  for (const run of open) {
    const { text, code, faults } = await run.end();
    expect([code, text === run.text, faults]).toEqual(["done", true, []]);
  }
});

interface Probe {
  readonly beganAt: number;
  readonly endedAt: number;
  readonly terminal: V1Signal;
}

interface Seen {
  readonly awayAt: number;
  readonly backAt: number;
  readonly probes: readonly Probe[];
  /** What /health said, and when. */
  readonly health: readonly { readonly at: number; readonly status: number }[];
  /** Connections to Redis that were asked for while it was away. */
  readonly reconnects: number;
  readonly open: readonly OpenRun[];
}

interface OpenRun {
  readonly text: string;
  readonly heard: () => boolean;
  readonly end: () => Promise<{ text: string; code: string; faults: readonly unknown[] }>;
}

/** Lets users stream, breaks Redis under them, and watches until all must be well again. */
async function watch(outage: () => Promise<void>): Promise<Seen> {
  const open = await Promise.all(
    Array.from({ length: USERS }, (_, index) => [openV1(index), openV2(index)]).flat(),
  );
  await eventually("text everywhere", () => open.every(({ heard }) => heard()));
  const probes: Promise<Probe>[] = [];
  const health: { at: number; status: number }[] = [];
  const probing = setInterval(() => {
    probes.push(probe());
    void fetch(`http://${cluster.host}/health`).then(({ status }) =>
      health.push({ at: performance.now(), status }),
    );
  }, PROBE_EVERY_MS);
  try {
    const before = redis.network.accepted;
    const awayAt = performance.now();
    await outage();
    const backAt = performance.now();
    const reconnects = redis.network.accepted - before;
    await delay(WELL_AGAIN_MS + 2_000);
    clearInterval(probing);
    return { awayAt, backAt, probes: await Promise.all(probes), health, reconnects, open };
  } finally {
    clearInterval(probing);
  }
}

async function openV1(index: number): Promise<OpenRun> {
  const provider = PROVIDERS[index % PROVIDERS.length] ?? "zhipu";
  const prompt = longAnswer(index);
  const client = await V1Client.connect(cluster.url());
  client.say(prompt, provider);
  return {
    text: answerFor({ prompt, profile: provider }),
    heard: () => client.textSoFar !== "",
    end: async () => {
      const { text, terminal } = await client.reply(60_000);
      const faults = client.unclaimedSignals === 0 ? [] : ["a second terminal"];
      client.close();
      return { text, code: terminal.code ?? terminal.type, faults };
    },
  };
}

async function openV2(index: number): Promise<OpenRun> {
  const provider = PROVIDERS[index % PROVIDERS.length] ?? "zhipu";
  const prompt = longAnswer(index);
  const client = await V2Client.connect(cluster.url());
  const run = await client.run(prompt, provider);
  return {
    text: answerFor({ prompt, profile: provider }),
    heard: () => run.text !== "",
    end: async () => {
      const terminal = await client.end(run, 60_000);
      client.close();
      const code = terminal.type === "error" ? terminal.code : terminal.type;
      return { text: run.text, code, faults: client.faults };
    },
  };
}

/** Streams for about 12 s, longer than any outage here. */
function longAnswer(seed: number): string {
  return directive({ words: 120, gapMs: 100, seed });
}

/** What a process has used of the processor; the kernel counts in hundredths. */
function cpuSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function probe(): Promise<Probe> {
  const beganAt = performance.now();
  const client = await V1Client.connect(cluster.url());
  try {
    const { terminal } = await client.ask("Hello", "zhipu", 30_000);
    return { beganAt, endedAt: performance.now(), terminal };
  } finally {
    client.close();
  }
}

function expectRefusedWhileAway({ awayAt, backAt, probes, health, reconnects }: Seen): void {
  const known = (at: number) => at > awayAt + NOTICED_MS && at < backAt;
  const refused = probes.filter(({ beganAt, endedAt }) => known(beganAt) && endedAt < backAt);
  expect(refused.length).toBeGreaterThan(0);
  for (const { beganAt, endedAt, terminal } of refused) {
    expect(terminal).toMatchObject({ type: "error", code: "unavailable", retryable: true });
    expect(endedAt - beganAt).toBeLessThan(REFUSED_WITHIN_MS);
  }
  expect(health.filter(({ at, status }) => known(at) && status === 200)).toEqual([]);
  const seconds = (backAt - awayAt) / 1_000;
  const connections =
    cluster.running("edge").length * 2 + cluster.running("worker").length * (3 + PROVIDERS.length);
  // Each twice a second on average, and a first burst.
  expect(reconnects).toBeLessThan(connections * (6 + 4 * seconds));
}

function expectWellAgain({ backAt, probes, health }: Seen): void {
  const wellFrom = backAt + WELL_AGAIN_MS;
  const failed = probes.filter(({ terminal }) => terminal.type !== "done");
  const lastFailed = Math.max(backAt, ...failed.map(({ beganAt }) => beganAt));
  console.log(`well again ${Math.round(lastFailed - backAt)} ms after it was back`);
  const later = probes.filter(({ beganAt }) => beganAt > wellFrom);
  expect(later.length).toBeGreaterThan(0);
  expect(later.filter(({ terminal }) => terminal.type !== "done")).toEqual([]);
  for (const { beganAt, endedAt } of later) expect(endedAt - beganAt).toBeLessThan(3_000);
  expect(health.filter(({ at, status }) => at > wellFrom && status !== 200)).toEqual([]);
  // Nothing was restarted for it.
  expect(cluster.processes("edge")).toEqual(cluster.running("edge"));
  expect(cluster.processes("worker")).toEqual(cluster.running("worker"));
}

async function expectEveryRunEnded({ open }: Seen, codes: readonly string[]): Promise<void> {
  for (const run of open) {
    const { text, code, faults } = await run.end();
    expect(codes).toContain(code);
    if (code === "done") expect(text).toBe(run.text);
    else expect(run.text.startsWith(text)).toBe(true);
    expect(faults).toEqual([]);
  }
}
