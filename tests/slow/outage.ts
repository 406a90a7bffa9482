/**
 * How a gateway is judged whose Redis is away for a while, in a test of processes or of containers. Runs in flight go on
 * or end clearly. New ones are refused at once meanwhile. All is well again within 3 s of its return.
 */
import { setTimeout as delay } from "node:timers/promises";
import { answerFor, directive } from "@openclaw/simulator";
import { eventually, figuresOf, V1Client, type V1Signal, V2Client } from "@openclaw/testing";
import { expect } from "vitest";
import { boundMs, isFull } from "../suites.ts";

/** Below the 5 s that BullMQ itself waits after a failure. */
export const WELL_AGAIN_MS = boundMs({ promised: 3_000, fault: 4_500 });
/** Until an outage is known, a request may wait; from then on it is refused. */
const NOTICED_MS = boundMs({ promised: 3_000, fault: 4_000 });
const REFUSED_WITHIN_MS = boundMs({ promised: 1_000, fault: 3_000 });
/** How long requests are refused, at least, before Redis is back. */
const REFUSED_FOR_MS = 2_000;
/** What the answer of a provider that takes no time takes at most on an idle machine. */
const USUAL_MS = 60;
const MOST_SLACK = 4;
const PROBE_EVERY_MS = 100;
/** Longer than an edge lets a run wait whose job was lost with a master: 30 s. */
const PROBE_ENDS_MS = 40_000;
export const USERS = 10;
export const PROVIDERS = ["zhipu", "hunyuan", "nvidia1", "nvidia2"] as const;

/** One whose edges can be reached. */
export interface WatchedGateway {
  /** Host and port of an edge: of another one each time, where each has its own. */
  readonly host: string;
}

export interface Probe {
  readonly beganAt: number;
  readonly endedAt: number;
  readonly terminal: V1Signal;
}

export interface Seen {
  readonly awayAt: number;
  readonly backAt: number;
  /** How much slower than an idle one this machine was right before the outage, at least 1: bounds are longer by it. */
  readonly slack: number;
  readonly probes: readonly Probe[];
  /** What /health said, and when. */
  readonly health: readonly { readonly at: number; readonly status: number }[];
  readonly open: readonly OpenRun[];
}

export interface OpenRun {
  readonly text: string;
  readonly heard: () => boolean;
  readonly end: () => Promise<{ text: string; code: string; faults: readonly unknown[] }>;
}

/**
 * Lets users stream, breaks Redis under them, and watches until all must be well again.
 *
 * @param outage is told how long Redis must be away to be noticed
 */
export async function watch(
  gateway: WatchedGateway,
  outage: (awayMs: number) => Promise<void>,
): Promise<Seen> {
  const open = await openRuns(gateway);
  const slack = isFull ? 1 : await slackOf(gateway);
  const probes: Promise<Probe>[] = [];
  const health: { at: number; status: number }[] = [];
  const probing = setInterval(() => {
    probes.push(probe(gateway));
    void fetch(`http://${gateway.host}/health`).then(
      ({ status }) => health.push({ at: performance.now(), status }),
      () => health.push({ at: performance.now(), status: 0 }),
    );
  }, PROBE_EVERY_MS);
  try {
    const awayAt = performance.now();
    await outage(slack * NOTICED_MS + REFUSED_FOR_MS);
    const backAt = performance.now();
    await delay(slack * WELL_AGAIN_MS + 2_000);
    clearInterval(probing);
    return { awayAt, backAt, slack, probes: await Promise.all(probes), health, open };
  } finally {
    clearInterval(probing);
  }
}

/** By the median of a few short answers. */
async function slackOf(gateway: WatchedGateway): Promise<number> {
  const took: number[] = [];
  for (let seed = 0; seed < 9; seed += 1) {
    // Of a provider that takes no time, whatever it is like otherwise.
    const prompt = directive({ words: 1, firstTokenMs: 0, gapMs: 0, seed });
    const { beganAt, endedAt } = await probe(gateway, prompt);
    took.push(endedAt - beganAt);
  }
  return Math.min(MOST_SLACK, Math.max(1, figuresOf(took).p50 / USUAL_MS));
}

/** Two for each user, one of either protocol, once all of them stream. */
export async function openRuns(gateway: WatchedGateway): Promise<OpenRun[]> {
  const open = await Promise.all(
    Array.from({ length: USERS }, (_, index) => [
      openV1(gateway, index),
      openV2(gateway, index),
    ]).flat(),
  );
  await eventually("text everywhere", () => open.every(({ heard }) => heard()));
  return open;
}

async function openV1(gateway: WatchedGateway, index: number): Promise<OpenRun> {
  const provider = PROVIDERS[index % PROVIDERS.length] ?? "zhipu";
  const prompt = longAnswer(index);
  const client = await V1Client.connect(`ws://${gateway.host}/ws/stream`);
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

async function openV2(gateway: WatchedGateway, index: number): Promise<OpenRun> {
  const provider = PROVIDERS[index % PROVIDERS.length] ?? "zhipu";
  const prompt = longAnswer(index);
  const client = await V2Client.connect(`ws://${gateway.host}/ws/stream`);
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

/** Twelve seconds of it, longer than any outage here that is watched. */
function longAnswer(seed: number): string {
  return directive({ words: 120, gapMs: 100, seed });
}

export async function probe(gateway: WatchedGateway, prompt = "Hello"): Promise<Probe> {
  const beganAt = performance.now();
  const client = await V1Client.connect(`ws://${gateway.host}/ws/stream`);
  try {
    const { terminal } = await client.ask(prompt, "zhipu", PROBE_ENDS_MS);
    return { beganAt, endedAt: performance.now(), terminal };
  } finally {
    client.close();
  }
}

export function expectRefusedWhileAway({ awayAt, backAt, slack, probes, health }: Seen): void {
  const known = (at: number) => at > awayAt + slack * NOTICED_MS && at < backAt;
  const refused = probes.filter(({ beganAt, endedAt }) => known(beganAt) && endedAt < backAt);
  expect(refused.length).toBeGreaterThan(0);
  for (const { beganAt, endedAt, terminal } of refused) {
    expect(terminal).toMatchObject({ type: "error", code: "unavailable", retryable: true });
    expect(endedAt - beganAt).toBeLessThan(slack * REFUSED_WITHIN_MS);
  }
  expect(health.filter(({ at, status }) => known(at) && status === 200)).toEqual([]);
}

export function expectWellAgain({ backAt, slack, probes, health }: Seen): void {
  const wellWithinMs = slack * WELL_AGAIN_MS;
  const wellFrom = backAt + wellWithinMs;
  const failed = probes.filter(({ terminal }) => terminal.type !== "done");
  const lastFailed = Math.max(backAt, ...failed.map(({ beganAt }) => beganAt));
  console.log(
    `well again ${Math.round(lastFailed - backAt)} ms after it was back (slack ${slack.toFixed(1)})`,
  );
  const later = probes.filter(({ beganAt }) => beganAt > wellFrom);
  expect(later.length).toBeGreaterThan(0);
  expect(later.filter(({ terminal }) => terminal.type !== "done")).toEqual([]);
  for (const { beganAt, endedAt } of later) expect(endedAt - beganAt).toBeLessThan(wellWithinMs);
  expect(health.filter(({ at, status }) => at > wellFrom && status !== 200)).toEqual([]);
}

export async function expectEveryRunEnded(
  { open }: Pick<Seen, "open">,
  codes: readonly string[],
): Promise<void> {
  for (const run of open) {
    const { text, code, faults } = await run.end();
    expect(codes).toContain(code);
    if (code === "done") expect(text).toBe(run.text);
    else expect(run.text.startsWith(text)).toBe(true);
    expect(faults).toEqual([]);
  }
}
