/** A provider that fails is replaced by the next of its chain, before its first text and after. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";
import { Visitors } from "./visitors.ts";

let simulator: Simulator;
let cluster: Cluster;
const visitors = new Visitors(() => cluster.url());

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const timeouts = { firstTokenMs: 1_500, stallMs: 1_000 };
  const { hunyuan, nvidia1 } = simulatedGateway(simulator.url, { timeouts }).providers;
  // A busy machine must not make the stand-in time out.
  const { zhipu } = simulatedGateway(simulator.url).providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      providers: {
        hunyuan: { ...hunyuan, fallback: ["zhipu"] },
        zhipu,
        nvidia1: { ...nvidia1, fallback: ["hunyuan", "zhipu"] },
        dead: { kind: "openai", baseUrl: "http://127.0.0.1:9/v1", model: "m", fallback: ["zhipu"] },
        // A refusal of one of these would keep runs away from the others as well.
        gone: { ...hunyuan, fallback: ["zhipu"] },
        limited: { ...hunyuan, fallback: ["zhipu"] },
        full: { ...hunyuan, fallback: ["zhipu"] },
        "bad-key": { ...hunyuan, apiKey: "bad-key", fallback: ["zhipu"] },
        lonely: { kind: "openai", baseUrl: "http://127.0.0.1:9/v1", model: "m" },
      },
    },
    // Each test is to meet its provider as if it had never failed.
    env: { WORKER_CIRCUIT_FAILURES: "1000" },
  });
});

afterEach(() => {
  visitors.leave();
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

/** Faults on the first provider alone; the text is the same everywhere. */
const faulty = (fault: Parameters<typeof directive>[0]) =>
  directive({ words: 60, seed: 7, gapMs: 5, faultOn: ["hunyuan"], ...fault });
const sameText = (prompt: string) => answerFor({ prompt, profile: "zhipu" });

describe("before the first text the user notices nothing but time", () => {
  test.each([
    ["connection refused", "dead", {}],
    ["HTTP 401", "bad-key", {}],
    ["HTTP 404", "gone", { status: 404 }],
    ["HTTP 429", "limited", { status: 429 }],
    ["HTTP 503", "full", { status: 503 }],
    ["a connection closed without an answer", "hunyuan", { refuse: true }],
    ["silence before headers", "hunyuan", { hang: true }],
    ["an error inside a 200", "hunyuan", { errorAfter: 0 }],
    ["an error inside a 200, and no more", "hunyuan", { errorAfter: 0, done: false }],
    ["headers and a closed connection", "hunyuan", { cutAfter: 0 }],
    ["headers and a reset", "hunyuan", { resetAfter: 0 }],
    ["half a frame", "hunyuan", { truncateAfter: 0 }],
    ["bytes that are no SSE", "hunyuan", { garbageAfter: 0 }],
    ["broken JSON", "hunyuan", { badJsonAfter: 0 }],
    ["a line of 4 MiB", "hunyuan", { hugeAfter: 0 }],
    ["bytes that only trickle", "hunyuan", { dripMs: 20 }],
    ["an empty answer", "hunyuan", { endAfter: 0 }],
    ["silence", "hunyuan", { stallAfter: 0 }],
  ] as const)("%s", async (_, provider, fault) => {
    const prompt = faulty(fault);
    const [old, framed] = [await visitors.v1(), await visitors.v2()];
    const run = await framed.run(prompt, provider);
    const reply = await old.ask(prompt, provider);
    expect([reply.text, reply.terminal]).toEqual([sameText(prompt), { type: "done" }]);
    expect(await framed.end(run)).toMatchObject({ type: "done" });
    expect([run.text, run.restarts]).toEqual([sameText(prompt), 0]);
    const [first, second] = framed.all("started");
    expect(second).toMatchObject({ provider: "zhipu" });
    expect(second?.epoch).toBeGreaterThan(first?.epoch ?? Number.POSITIVE_INFINITY);
    expect(framed.faults).toEqual([]);
  });
});

describe("after 40 of 60 pieces the answer goes on, byte for byte", () => {
  test.each([
    ["cut", { cutAfter: 40 }],
    ["reset", { resetAfter: 40 }],
    ["stalled", { stallAfter: 40 }],
    ["ended without an end", { endAfter: 40 }],
    ["ended inside a frame", { truncateAfter: 40 }],
    ["an error frame and [DONE]", { errorAfter: 40 }],
    ["an error frame alone", { errorAfter: 40, done: false }],
    ["a piece lost in bytes that are no SSE", { garbageAfter: 40 }],
    ["a piece lost in broken JSON", { badJsonAfter: 40 }],
    ["a piece that is a line of 4 MiB", { hugeAfter: 40 }],
  ] as const)("%s", async (_, fault) => {
    const prompt = faulty(fault);
    const [old, framed] = [await visitors.v1(), await visitors.v2()];
    const run = await framed.run(prompt, "hunyuan");
    const reply = await old.ask(prompt, "hunyuan");
    expect([reply.text, reply.terminal]).toEqual([sameText(prompt), { type: "done" }]);
    expect(await framed.end(run)).toMatchObject({ type: "done" });
    expect([run.text, run.restarts]).toEqual([sameText(prompt), 1]);
    expect(framed.faults).toEqual([]);
  });

  test("where the texts differ, v1 is told `interrupted`, v2 starts again", async () => {
    const before = await cluster.scrape();
    const prompt = directive({ words: 60, gapMs: 10, faultOn: ["hunyuan"], cutAfter: 40 });
    const [old, framed] = [await visitors.v1(), await visitors.v2()];
    const run = await framed.run(prompt, "hunyuan");
    const { text, terminal } = await old.ask(prompt, "hunyuan");
    expect(terminal).toMatchObject({ type: "error", code: "interrupted", retryable: true });
    expect(answerFor({ prompt, profile: "hunyuan" }).startsWith(text)).toBe(true);
    await framed.end(run);
    expect([run.text, run.restarts]).toEqual([sameText(prompt), 1]);
    const seen = (await cluster.scrape()).minus(before);
    const cut = { provider: "hunyuan", code: "provider_cut" };
    expect(seen.sum("openclaw_provider_errors_total", cut)).toBe(2);
    const failedOver = { provider: "hunyuan", result: "failed_over" };
    expect(seen.sum("openclaw_attempts_total", failedOver)).toBe(2);
    expect(seen.sum("openclaw_run_restarts_total", { provider: "zhipu" })).toBe(2);
    const interrupted = { provider: "zhipu", reason: "interrupted" };
    expect(seen.sum("openclaw_run_cancels_total", interrupted)).toBe(1);
    const wait = { phase: "queue_wait", provider: "zhipu" };
    expect(seen.sum("openclaw_run_phase_seconds_count", wait)).toBe(2);
  });
});

test("a chain is walked to its end while nothing was said", async () => {
  const prompt = directive({ words: 60, seed: 7, faultOn: ["nvidia1", "hunyuan"], refuse: true });
  const [old, framed] = [await visitors.v1(), await visitors.v2()];
  const run = await framed.run(prompt, "nvidia1");
  expect(await old.ask(prompt, "nvidia1")).toMatchObject({
    text: sameText(prompt),
    terminal: { type: "done" },
  });
  expect(await framed.end(run)).toMatchObject({ type: "done" });
  expect(framed.all("started").map(({ provider }) => provider)).toEqual([
    "nvidia1",
    "hunyuan",
    "zhipu",
  ]);
});

test("an answer that broke off twice is tried no third time: what the first one failed with is told", async () => {
  const prompt = directive({ words: 60, seed: 7, faultOn: ["nvidia1", "hunyuan"], cutAfter: 20 });
  const framed = await visitors.v2();
  const run = await framed.run(prompt, "nvidia1");
  const end = await framed.end(run);
  expect(end).toMatchObject({ type: "error", code: "provider_cut", retryable: true });
  expect(end).toMatchObject({ message: expect.stringMatching(/^nvidia1.*in its place\.$/) });
  expect(framed.all("started")).toHaveLength(2);
});

test("where nobody can answer, the user is told what the one that was asked failed with", async () => {
  const prompt = directive({ text: "x", status: 500 });
  const reply = await (await visitors.v1()).ask(prompt, "nvidia1");
  expect(reply.terminal).toMatchObject({ code: "provider_error", retryable: true });
  expect(reply.terminal.message).toMatch(/^nvidia1 .*in its place\.$/);
});

test("what another provider would refuse too is not asked of it", async () => {
  const before = simulator.stats().profiles.zhipu?.requests ?? 0;
  const prompt = directive({ text: "x", faultOn: ["hunyuan"], status: 451 });
  const reply = await (await visitors.v1()).ask(prompt, "hunyuan");
  expect(reply.terminal).toMatchObject({ code: "content_filtered", retryable: false });
  expect(simulator.stats().profiles.zhipu?.requests ?? 0).toBe(before);
});

test("without a fallback the failure is told as it is", async () => {
  const reply = await (await visitors.v1()).ask("hi", "lonely");
  expect(reply.terminal).toMatchObject({ code: "provider_unreachable" });
});

test("a run cancelled after it moved leaves both queues", async () => {
  const client = await visitors.v1();
  client.say(faulty({ cutAfter: 10, gapMs: 60 }), "hunyuan");
  await eventually("the move", () =>
    cluster.logs("worker", "attempt failed over").some(({ provider }) => provider === "hunyuan"),
  );
  client.send('{"type":"cancel"}');
  expect((await client.reply()).terminal).toMatchObject({ code: "cancelled" });
  await eventually("empty queues", async () => {
    const stats = await (await fetch(`http://${cluster.host}/stats`)).json();
    const { runs } = stats as { runs: { waiting: number; active: number } };
    return runs.waiting === 0 && runs.active === 0;
  });
});
