/** What Prometheus would see of a cluster, held against what its users measured themselves. */
import { CATALOGUE, type MetricDefinition } from "@openclaw/metrics";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import {
  agrees,
  askTimed,
  Cluster,
  eventually,
  quantileOf,
  Refused,
  type Scraped,
  type TimedAnswer,
  V1Client,
  V2Client,
} from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { SHIPPED_NAMES, simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const FIRST_TEXT = "gen_ai_server_time_to_first_token_seconds";
const WHOLE = "gen_ai_server_request_duration_seconds";
const PHASE = "openclaw_run_phase_seconds";

let simulator: Simulator;
let cluster: Cluster;
const users: V2Client[] = [];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const gateway = simulatedGateway(simulator.url, { pool: { warm: 8, connections: 64 } });
  const { hunyuan } = gateway.providers;
  const covered = { ...hunyuan, fallback: ["zhipu"], timeouts: { firstTokenMs: 1_500 } };
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { ...gateway, providers: { ...gateway.providers, hunyuan: covered } },
    env: { LOG_LEVEL: "warn" },
  });
});

afterEach(() => {
  for (const user of users.splice(0)) user.close();
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

async function arrive(session?: string): Promise<V2Client> {
  const user = await V2Client.connect(cluster.url(session));
  users.push(user);
  return user;
}

/** Several users at once, each of whom asks several times. */
async function load(
  promptOf: (user: number, round: number) => string,
  {
    count,
    rounds,
    provider,
  }: { count: number; rounds: number; provider: (user: number) => string },
): Promise<TimedAnswer[]> {
  const asking = Array.from({ length: count }, async (_, index) => {
    const user = await arrive();
    const measured: TimedAnswer[] = [];
    for (let round = 0; round < rounds; round += 1) {
      measured.push(await askTimed(user, promptOf(index, round), provider(index)));
    }
    return measured;
  });
  return (await Promise.all(asking)).flat();
}

const providerOf = (user: number) => SHIPPED_NAMES[user % SHIPPED_NAMES.length] ?? "zhipu";
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

function expectAgreement(seen: Scraped, name: string, measured: readonly number[]): void {
  expect(seen.sum(`${name}_count`)).toBe(measured.length);
  const shares = seen.shares(name);
  const bounds = shares.map(({ le }) => le);
  const average = seen.sum(`${name}_sum`) / measured.length;
  expect(agrees(bounds, average, mean(measured))).toBe(true);
  const sorted = measured.toSorted((a, b) => a - b);
  for (const q of [0.5, 0.9, 0.99]) {
    const own = sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN;
    expect([q, own, agrees(bounds, quantileOf(shares, q), own)]).toEqual([q, own, true]);
  }
}

/** Mean seconds of a phase, for each run of a provider. */
const phaseOf = (seen: Scraped, phase: string, provider: string) =>
  seen.sum(`${PHASE}_sum`, { phase, provider }) / seen.sum(`${PHASE}_count`, { phase, provider });

describe("under a small load", () => {
  let measured: TimedAnswer[];
  let seen: Scraped;

  beforeAll(async () => {
    // One round before, so that the compilation of the first runs does not count as latency.
    await load(() => directive({ words: 3 }), { count: 8, rounds: 1, provider: providerOf });
    const before = await cluster.scrape();
    measured = await load(
      (user, round) =>
        directive({
          words: 12,
          seed: user,
          firstTokenMs: 100 + 60 * ((user + 3 * round) % 8),
          gapMs: 20,
        }),
      { count: 20, rounds: 4, provider: providerOf },
    );
    seen = (await cluster.scrape()).minus(before);
  });

  test("first text and whole run agree with what users measured, within 5 % or one bucket", () => {
    expectAgreement(
      seen,
      FIRST_TEXT,
      measured.map(({ firstText }) => firstText),
    );
    expectAgreement(
      seen,
      WHOLE,
      measured.map(({ whole }) => whole),
    );
  });

  test("every run, every character and every target is counted once", () => {
    const runs = measured.length;
    expect(seen.sum(`${WHOLE}_count`, { outcome: "completed", connection: "warm" })).toBe(runs);
    const characters = measured.reduce((sum, { text }) => sum + text.length, 0);
    expect(seen.sum("openclaw_answer_characters_total", { content: "text" })).toBe(characters);
    const judged = "openclaw_target_runs_total";
    expect(seen.sum(judged, { measure: "first_text" })).toBe(runs);
    expect(seen.sum(judged, { measure: "whole" })).toBe(runs);
    // The histograms have the targets' own edges, so they say the same.
    const within = (name: string, domestic: string, overseas: string) =>
      seen.sum(`${name}_bucket`, { region: "domestic", le: domestic }) +
      seen.sum(`${name}_bucket`, { region: "overseas", le: overseas });
    const met = { met: "yes" };
    expect(seen.sum(judged, { ...met, measure: "first_text" })).toBe(within(FIRST_TEXT, "1", "3"));
    expect(seen.sum(judged, { ...met, measure: "whole" })).toBe(within(WHOLE, "3", "5"));
    expect(seen.sum("openclaw_attempts_total", { result: "finished" })).toBe(runs);
    expect(seen.sum("gen_ai_client_operation_duration_seconds_count")).toBe(runs);
    expect(seen.sum("gen_ai_client_token_usage_count", { token_type: "output" })).toBe(runs);
    expect(seen.sum("openclaw_stuck_runs_total")).toBe(0);
  });

  test("the phases of a run add up to its first text", () => {
    const phases = seen
      .values("phase")
      .reduce((sum, phase) => sum + seen.sum(`${PHASE}_sum`, { phase }), 0);
    const firstText = seen.sum(`${FIRST_TEXT}_sum`);
    // The way from Redis to the edge is in no phase, since no clock of one process can measure it.
    expect(Math.abs(phases - firstText) / measured.length).toBeLessThan(0.03);
    expect(seen.values("phase")).toEqual([
      "accept",
      "connect",
      "edge_to_socket",
      "first_token",
      "pick_up",
      "publish",
      "queue_wait",
      "response_headers",
    ]);
  });

  test.each(["edge", "worker"] as const)(
    "%s: every metric of the catalogue that it is to have is there",
    async (kind) => {
      const [one] = cluster.running(kind);
      const text = await (await fetch(one?.admin("/metrics") ?? "")).text();
      const missing = Object.entries<MetricDefinition>(CATALOGUE)
        .filter(([, { on }]) => on.includes(kind))
        .filter(([name, { type }]) => !text.includes(`# TYPE ${name} ${type}\n`));
      expect(missing).toEqual([]);
      expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
      expect(text).toMatch(/^process_resident_memory_bytes \d/m);
    },
  );
});

test("a provider that turns slow: its region misses the target, and its phase says where", async () => {
  const before = await cluster.scrape();
  const slow = (user: number) =>
    directive({
      words: 3,
      seed: user,
      ...(providerOf(user) === "zhipu" && { firstTokenMs: 1_300 }),
    });
  await load(slow, { count: 16, rounds: 1, provider: providerOf });
  const seen = (await cluster.scrape()).minus(before);
  const withinOf = (region: string, le: string) =>
    seen.sum(`${FIRST_TEXT}_bucket`, { region, le }) / seen.sum(`${FIRST_TEXT}_count`, { region });
  // Of the two domestic providers one is slow.
  expect(withinOf("domestic", "1")).toBeLessThanOrEqual(0.5);
  expect(withinOf("overseas", "3")).toBeGreaterThan(0.5);
  const missed = { target: "domestic", measure: "first_text", met: "no", provider: "zhipu" };
  expect(seen.sum("openclaw_target_runs_total", missed)).toBe(4);
  const times = seen
    .values("phase")
    .map((phase) => [phase, phaseOf(seen, phase, "zhipu")] as const);
  const [longest] = times.toSorted(([, a], [, b]) => b - a);
  expect(["first_token", "response_headers"]).toContain(longest?.[0]);
  expect(longest?.[1]).toBeGreaterThan(1.2);
});

test("a provider that hangs and is covered by another: the time is its own, and still adds up", async () => {
  const before = await cluster.scrape();
  const prompt = directive({ words: 3, faultOn: ["hunyuan"], hang: true });
  await load(() => prompt, { count: 2, rounds: 1, provider: () => "hunyuan" });
  const seen = (await cluster.scrape()).minus(before);
  expect(phaseOf(seen, "no_text", "hunyuan")).toBeGreaterThan(1.4);
  const firstText = seen.sum(`${FIRST_TEXT}_sum`);
  expect(firstText).toBeGreaterThan(2 * 1.5);
  expect(Math.abs(seen.sum(`${PHASE}_sum`) - firstText)).toBeLessThan(0.05 * firstText);
});

test("who is shown no text as it comes misses no first text, and a short v1 answer has one", async () => {
  const before = await cluster.scrape();
  const send = async (path: string, body: object) => {
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    expect((await fetch(`http://${cluster.host}${path}`, init)).ok).toBe(true);
  };
  const content = directive({ text: "Whole." });
  await send("/v1/chat/completions", { model: "zhipu", messages: [{ role: "user", content }] });
  await send("/v1/runs", { provider: "zhipu", message: content });
  const user = await V1Client.connect(cluster.url());
  // Held back to the end, as it might be the beginning of something else.
  await user.ask(directive({ text: "42" }), "zhipu");
  user.close();
  const judged = "openclaw_target_runs_total";
  await eventually("three runs", async () => {
    const seen = (await cluster.scrape()).minus(before);
    return seen.sum(judged, { measure: "whole", met: "yes" }) === 3;
  });
  const seen = (await cluster.scrape()).minus(before);
  expect(seen.sum(judged, { measure: "first_text", met: "no" })).toBe(0);
  expect(seen.sum(judged, { measure: "first_text", met: "yes" })).toBe(1);
  expect(seen.sum(`${FIRST_TEXT}_count`)).toBe(1);
});

test("what a connection itself refuses is counted as well", async () => {
  const before = await cluster.scrape("edge");
  const user = await arrive();
  const run = crypto.randomUUID();
  for (const ref of ["first", "second"]) {
    user.send({ type: "run", ref, run, message: directive({ words: 3 }), provider: "zhipu" });
  }
  expect(await user.next("error")).toMatchObject({ ref: "second", code: "invalid_request" });
  const seen = (await cluster.scrape("edge")).minus(before);
  expect(seen.sum("openclaw_refusals_total", { code: "invalid_request" })).toBe(1);
});

test("a flood of sessions, users, models and providers adds no series", async () => {
  const asked = async (n: number) => {
    const user = await arrive(`session-${n}`);
    await user.run("hi", "zhipu", { session: `user-${n}` }).then((run) => user.end(run));
    for (const provider of [`provider-${n}`, `zhipu/model-${n}`, "__proto__"]) {
      await expect(user.run("hi", provider)).rejects.toBeInstanceOf(Refused);
    }
    user.send({ type: "resume", run: `run-${n}`, after: { epoch: 1, seq: 0 } });
    await user.next("resumed");
    user.close();
  };
  // Few at once: sockets beyond the spare ones would be cold, and a series of their own.
  const flood = async (from: number, count: number) => {
    for (let n = from; n < from + count; n += 8) {
      await Promise.all(Array.from({ length: 8 }, (_, index) => asked(n + index)));
    }
  };
  const size = async () => (await cluster.scrape()).count(/^(openclaw|gen_ai)_/);
  // Every process has some first: what happens for the first time adds the series of what happened.
  await flood(0, 24);
  const before = await size();
  await flood(100, 56);
  expect(await size()).toBe(before);
  const seen = await cluster.scrape();
  expect(seen.values("provider")).toEqual([...SHIPPED_NAMES].sort());
  expect(seen.sum("openclaw_refusals_total", { code: "unknown_provider" })).toBe(80 * 3);
  expect(seen.sum("openclaw_resumes_total", { resumed: "unknown_run" })).toBe(80);
});

test("with a provider that is no longer configured go its series", async () => {
  const gateway = simulatedGateway(simulator.url);
  const { hunyuan: _, ...providers } = gateway.providers;
  await cluster.configure({ ...gateway, providers });
  const left = SHIPPED_NAMES.filter((name) => name !== "hunyuan").sort();
  await eventually("nobody tells of it", async () => {
    const names = (await cluster.scrape()).values("provider");
    return names.filter((name) => name !== "other").join() === left.join();
  });
});
