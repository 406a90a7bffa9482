/** Faults of a provider, at one request or at all of them, and the answers that users get then. */
import {
  answerFor,
  directive,
  type FaultOptions,
  INSTANT,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { Cluster, eventually, type V2Client, type V2Run } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";
import { Visitors } from "./visitors.ts";

let simulator: Simulator;
let cluster: Cluster;
const visitors = new Visitors(() => cluster.url());

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  // Longer than any hiccup of a busy machine: what stands in for a failed provider must never be late.
  const timeouts = { firstTokenMs: 2_000, stallMs: 2_000 };
  const { zhipu, hunyuan, nvidia1 } = simulatedGateway(simulator.url, { timeouts }).providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      providers: {
        zhipu,
        hunyuan: { ...hunyuan, fallback: ["zhipu"] },
        alone: nvidia1,
        hasty: { ...nvidia1, timeouts: { firstTokenMs: 500, stallMs: 500 } },
      },
    },
    // Each test is to meet its provider as if it had never failed.
    env: { WORKER_CIRCUIT_FAILURES: "1000" },
  });
});

afterEach(() => {
  simulator.reset();
  visitors.leave();
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

const faults = () => simulator.stats().total.faults;

describe("without a fallback a fault is one typed error, behind a true beginning", () => {
  const words = { words: 30, seed: 3, gapMs: 5 };
  const whole = answerFor({ prompt: directive(words), profile: "nvidia1" });

  test.each([
    ["refuse", "alone", { refuse: true }, "provider_unreachable"],
    ["hang", "hasty", { hang: true }, "first_token_timeout"],
    ["stallAfter 0", "hasty", { stallAfter: 0 }, "first_token_timeout"],
    ["dripMs", "hasty", { dripMs: 20 }, "first_token_timeout"],
    ["stallAfter", "alone", { stallAfter: 20 }, "provider_stalled"],
    ["cutAfter", "alone", { cutAfter: 20 }, "provider_cut"],
    ["resetAfter", "alone", { resetAfter: 20 }, "provider_cut"],
    ["endAfter", "alone", { endAfter: 20 }, "provider_cut"],
    ["endAfter 0", "alone", { endAfter: 0 }, "provider_cut"],
    ["truncateAfter", "alone", { truncateAfter: 20 }, "provider_cut"],
    ["errorAfter", "alone", { errorAfter: 20 }, "provider_overloaded"],
    ["errorAfter without [DONE]", "alone", { errorAfter: 20, done: false }, "provider_overloaded"],
    ["garbageAfter", "alone", { garbageAfter: 20 }, "provider_malformed"],
    ["badJsonAfter", "alone", { badJsonAfter: 20 }, "provider_malformed"],
    ["hugeAfter", "alone", { hugeAfter: 20 }, "provider_malformed"],
    ["no text at all", "alone", { words: undefined, text: "" }, "provider_empty"],
  ] as const)("%s", async (_, provider, fault, code) => {
    const prompt = directive({ ...words, ...fault });
    const [old, framed] = [await visitors.v1(), await visitors.v2()];
    const run = await framed.run(prompt, provider);
    const { text, terminal } = await old.ask(prompt, provider);
    expect(terminal).toMatchObject({ type: "error", code, retryable: true });
    expect(await framed.end(run)).toMatchObject({ type: "error", code, retryable: true });
    for (const shown of [text, run.text]) expect(whole.startsWith(shown)).toBe(true);
    expect([run.restarts, run.terminals.length, old.unclaimedSignals]).toEqual([0, 1, 0]);
    expect(framed.faults).toEqual([]);
  });
});

test("bytes that trickle, but arrive in time, are an answer like any other", async () => {
  const prompt = directive({ words: 10, seed: 3, dripMs: 1, chunkBytes: 50 });
  const { text, terminal } = await (await visitors.v1()).ask(prompt, "alone");
  expect([text, terminal]).toEqual([answerFor({ prompt }), { type: "done" }]);
});

describe("a connection that was closed while it was idle costs no attempt", () => {
  async function expectUnnoticed(client: V2Client, prompt: string): Promise<void> {
    const run = await client.run(prompt, "alone");
    expect(await client.end(run)).toMatchObject({ type: "done" });
    const attempts = client.all("started").filter((frame) => frame.run === run.id);
    expect([run.text, attempts.length]).toEqual([answerFor({ prompt }), 1]);
  }

  test("where the request finds it closed", async () => {
    const client = await visitors.v2();
    const prompt = directive({ words: 10, seed: 3, stale: true });
    // A socket serves many runs, on either worker: soon each request finds a used one.
    while ((faults().stale ?? 0) < 5) await expectUnnoticed(client, prompt);
  });

  test("where every connection is closed after a quarter of a second, used or not", async () => {
    const client = await visitors.v2();
    const prompt = directive({ words: 10, seed: 3 });
    simulator.setFaults({ idleMs: 250 });
    for (let round = 0; round < 10; round += 1) {
      const before = simulator.stats().sockets.idleClosed;
      await eventually(
        "a connection to close",
        () => simulator.stats().sockets.idleClosed > before,
      );
      await expectUnnoticed(client, prompt);
    }
  });
});

describe("faults of all requests to a provider with a fallback reach nobody", () => {
  const prompts = Array.from({ length: 30 }, (_, seed) => directive({ words: 30, seed, gapMs: 5 }));

  /** A provider that complained is left alone for a moment, by either worker. */
  async function untilAskedAgain(provider: string): Promise<void> {
    const client = await visitors.v2();
    let inARow = 0;
    await eventually("a rested provider", async () => {
      const run = await client.run(directive({ words: 1 }), provider);
      await client.end(run);
      const [first] = client.all("started").filter((frame) => frame.run === run.id);
      inARow = first?.provider === provider ? inARow + 1 : 0;
      return inARow === 5;
    });
  }

  /** Asks everything at once, in both protocols, and wants every byte of every answer. */
  async function expectEveryAnswer(settings: FaultOptions): Promise<void> {
    await untilAskedAgain("hunyuan");
    simulator.setFaults(settings);
    const framed = await visitors.v2();
    const replies = prompts.map(async (prompt) => {
      const { text, terminal } = await (await visitors.v1()).ask(prompt, "hunyuan");
      return { text, end: terminal.type };
    });
    const runs = prompts.map(async (prompt) => {
      const run: V2Run = await framed.run(prompt, "hunyuan");
      const { type: end } = await framed.end(run);
      return { text: run.text, end };
    });
    const wanted = prompts.map((prompt) => ({ text: answerFor({ prompt }), end: "done" }));
    expect(await Promise.all(replies)).toEqual(wanted);
    expect(await Promise.all(runs)).toEqual(wanted);
    expect(framed.faults).toEqual([]);
  }

  test.each([429, 503] as const)("bursts of %i", async (status) => {
    const burst = { status, requests: 10, every: 15, retryAfterS: 1 };
    await expectEveryAnswer({ burst, faultOn: ["hunyuan"] });
    // A provider that complains is left alone for a moment, so fewer requests meet a burst.
    expect(faults().burst).toBeGreaterThan(0);
  });

  test("a concurrency limit", async () => {
    await expectEveryAnswer({ concurrency: { hunyuan: 2 } });
    expect(faults().concurrency).toBeGreaterThan(0);
  });

  test("every fault at random", async () => {
    const kinds = [
      "refuse",
      "stale",
      "hang",
      "status",
      "dripMs",
      "cutAfter",
      "resetAfter",
    ] as const;
    const later = ["stallAfter", "endAfter", "truncateAfter", "errorAfter"] as const;
    const spoilt = ["garbageAfter", "badJsonAfter", "hugeAfter"] as const;
    const all = [...kinds, ...later, ...spoilt];
    const probability = Object.fromEntries(all.map((kind) => [kind, 0.06]));
    await expectEveryAnswer({ seed: 11, probability, faultOn: ["hunyuan"] });
    expect(Object.keys(faults()).length).toBeGreaterThan(8);
  });
});

test("a run that is cancelled leaves its provider at once", async () => {
  const client = await visitors.v1();
  client.say(directive({ words: 100, gapMs: 100 }), "alone");
  await eventually("some text", () => client.textSoFar.length > 0);
  expect(simulator.stats().profiles.nvidia1).toMatchObject({ active: 1, aborted: 0 });
  client.send('{"type":"cancel"}');
  expect((await client.reply()).terminal).toMatchObject({ code: "cancelled" });
  await eventually("the end upstream", () => simulator.stats().total.active === 0);
  expect(simulator.stats().profiles.nvidia1).toMatchObject({ aborted: 1, completed: 0 });
});
