/** A run as the worker works on it: real Redis, and a real HTTP provider that speaks on command. */
import { randomUUID } from "node:crypto";
import { parseGatewayConfig } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import { createLogger } from "@openclaw/runtime";
import {
  Appender,
  BEGINNING,
  DEFAULT_RETENTION,
  type Entry,
  type Position,
  RunRecords,
  StreamKeys,
  type TerminalEntry,
} from "@openclaw/stream";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { SpeakingProvider, type SpokenStream } from "../testing/speaking-provider.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import { type AttemptContext, RunHandedBackError } from "./attempt.ts";
import { AttemptCounts } from "./attempt-counts.ts";
import { executeRun } from "./execute-run.ts";
import { HedgeBudget } from "./hedge.ts";

const log = createLogger({ service: "test", level: "silent" });
const CANCELLED: TerminalEntry = { type: "cancelled", reason: "client" };
/** Behind whatever an attempt of a test has written. */
const LATER: Position = { epoch: 2 ** 40, seq: 0 };

let fixture: RedisFixture;
let speaker: SpeakingProvider;
let provider: ProviderClient;
let appender: Appender;
let context: AttemptContext & { readonly counts: AttemptCounts };
let keys: StreamKeys;

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  speaker = await SpeakingProvider.start();
  keys = new StreamKeys({ prefix: fixture.prefix, partitions: 1 });
  await setUp({});
});

afterEach(async () => {
  await appender.stop();
  await provider.stop();
  await speaker.stop();
  await fixture.close();
});

async function setUp({
  timeouts = {},
  maxLogBytes = 1e6,
  continueFromPartial = false,
}: {
  timeouts?: object;
  maxLogBytes?: number;
  continueFromPartial?: boolean;
}) {
  await appender?.stop();
  await provider?.stop();
  const gateway = parseGatewayConfig(
    {
      providers: {
        mine: {
          kind: "openai",
          baseUrl: speaker.url,
          model: "m",
          pool: { warm: 0 },
          timeouts,
          continueFromPartial,
        },
      },
    },
    { source: "test", env: {} },
  );
  const config = gateway.providers.mine;
  if (!config) throw new Error("unreachable");
  provider = createProviderClient({ name: "mine", config, log });
  await provider.start();
  appender = new Appender(await fixture.connect(), keys, { maxLogBytes, giveUpMs: 5_000 });
  await appender.start();
  context = {
    provider,
    records: new RunRecords(fixture.commands, keys, { ...DEFAULT_RETENTION, heldMs: 0 }),
    appender,
    queues: { has: () => false, add: async () => undefined },
    attempts: new ActiveAttempts(),
    counts: new AttemptCounts(),
    limits: { slowDown: async () => undefined },
    hedges: new HedgeBudget(() => 1),
    node: "worker-1",
    maxAttempts: 2,
    log,
  };
}

async function begin(fallback: string[] = [], runId: string = randomUUID()) {
  await context.records.create({ runId, edge: "edge-1", provider: "mine", session: "s" });
  const job = {
    runId,
    session: "s",
    provider: "mine",
    messages: [{ role: "user" as const, content: "hi" }],
    fallback,
  };
  const finished = executeRun(job, context);
  // Some tests look at it late; a rejection must not count as unhandled until then.
  finished.catch(() => undefined);
  return { runId, job, finished };
}

async function entries(runId: string): Promise<Entry[]> {
  return (await context.records.read(runId, BEGINNING))?.entries.map(({ entry }) => entry) ?? [];
}

async function textOf(runId: string): Promise<string> {
  return (await entries(runId)).map((entry) => (entry.type === "text" ? entry.text : "")).join("");
}

test("writes started, the text as it comes, and completed with what was measured", async () => {
  const { runId, finished } = await begin();
  const stream = await speaker.nextRequest();
  stream.say("Hello ");
  await eventually("the first piece in the log", async () => (await textOf(runId)) === "Hello ");
  stream.say("world");
  stream.finish();
  await finished;
  expect(await textOf(runId)).toBe("Hello world");
  const all = await entries(runId);
  expect(all[0]).toEqual({ type: "started", provider: "mine", model: "m" });
  expect(all.at(-1)).toMatchObject({
    type: "completed",
    finish: "stop",
    timings: { connection: "cold", requestSentMs: expect.any(Number) },
  });
  expect(all.filter(({ type }) => type === "completed")).toHaveLength(1);
});

describe("whoever else ends or takes the run stops the provider", () => {
  test("a cancel that is heard closes the upstream within 200 ms", async () => {
    const { runId, finished } = await begin();
    const stream = await speaker.nextRequest();
    stream.say("Hello");
    await eventually("the text", async () => (await textOf(runId)) === "Hello");
    await context.records.end(runId, CANCELLED);
    const cancelledAt = performance.now();
    context.attempts.onBatch([{ runId, position: LATER, entry: CANCELLED }]);
    await stream.closed;
    expect(performance.now() - cancelledAt).toBeLessThan(200);
    await finished;
    expect((await entries(runId)).at(-1)?.type).toBe("cancelled");
  });

  test("a cancel that overtakes the answer to the claim closes the upstream all the same", async () => {
    const runId = randomUUID();
    context.attempts.onBatch([{ runId, position: LATER, entry: CANCELLED }]);
    const { finished } = await begin([], runId);
    await finished;
    expect((await entries(runId)).map(({ type }) => type)).toEqual(["started"]);
    await context.records.end(runId, CANCELLED);
  });

  test("a cancel whose message was lost does so within two seconds of silence", async () => {
    const { runId, finished } = await begin();
    const stream = await speaker.nextRequest();
    await context.records.end(runId, CANCELLED);
    const cancelledAt = performance.now();
    await stream.closed;
    expect(performance.now() - cancelledAt).toBeLessThan(2_000);
    await finished;
  });

  test("another worker's claim does, and nothing of the old attempt is written after it", async () => {
    const { runId, job, finished } = await begin();
    const old = await speaker.nextRequest();
    old.say("old ");
    await eventually("the old text", async () => (await textOf(runId)) === "old ");
    const second = executeRun(job, {
      ...context,
      node: "worker-2",
      attempts: new ActiveAttempts(),
    });
    const fresh = await speaker.nextRequest();
    old.say("STALE");
    await old.closed;
    await finished;
    fresh.say("new");
    fresh.finish();
    await second;
    expect(await textOf(runId)).toBe("old new");
    expect(context.counts.takeTotals()).toEqual({ "attempts:fenced": 1, "attempts:finished": 1 });
  });

  test("a run that has ended is not even asked of the provider", async () => {
    const { runId, job, finished } = await begin();
    const stream = await speaker.nextRequest();
    stream.say("x");
    stream.finish();
    await finished;
    await executeRun(job, context);
    expect(speaker.requests).toBe(1);
    expect((await entries(runId)).filter(({ type }) => type === "started")).toHaveLength(1);
  });

  test("a run is tried no third time, and ends in an error", async () => {
    const { runId, job, finished } = await begin();
    await speaker.nextRequest();
    const second = executeRun(job, context);
    await speaker.nextRequest();
    await executeRun(job, context);
    expect((await entries(runId)).at(-1)).toMatchObject({
      failure: { code: "attempts_exhausted" },
    });
    await Promise.all([finished, second]);
    expect(speaker.requests).toBe(2);
  });
});

describe("a run that goes wrong ends in one failure", () => {
  test.each([
    ["first_token_timeout", { firstTokenMs: 100 }, "silence"],
    ["provider_stalled", { stallMs: 100 }, "one piece"],
    ["run_timeout", { totalMs: 300, stallMs: 200 }, "pieces for ever"],
  ] as const)("%s", async (code, timeouts, behaviour) => {
    await setUp({ timeouts });
    const { runId, finished } = await begin();
    const stream = await speaker.nextRequest();
    if (behaviour !== "silence") stream.say("piece");
    const talking = setInterval(() => behaviour === "pieces for ever" && stream.say("."), 20);
    await finished;
    clearInterval(talking);
    expect((await entries(runId)).at(-1)).toMatchObject({ type: "failed", failure: { code } });
    await stream.closed;
  });

  test("comments and empty deltas are no progress", async () => {
    await setUp({ timeouts: { firstTokenMs: 150 } });
    const { runId, finished } = await begin();
    const stream = await speaker.nextRequest();
    const talking = setInterval(() => {
      stream.raw(": keep-alive\n\n");
      stream.say("");
    }, 20);
    await finished;
    clearInterval(talking);
    expect((await entries(runId)).at(-1)).toMatchObject({
      failure: { code: "first_token_timeout" },
    });
  });

  test("an answer beyond the log's limit ends as too large, never as complete", async () => {
    await setUp({ maxLogBytes: 1_000 });
    const { runId, finished } = await begin();
    const stream = await speaker.nextRequest();
    const talking = setInterval(() => stream.say("x".repeat(400)), 5);
    await finished;
    clearInterval(talking);
    const all = await entries(runId);
    expect(all.at(-1)).toMatchObject({ type: "failed", failure: { code: "answer_too_large" } });
    expect(all.filter(({ type }) => ["completed", "failed"].includes(type))).toHaveLength(1);
  });
});

test("a run whose log lost entries is handed back to the queue instead of spliced", async () => {
  const { runId, finished } = await begin();
  const stream = await speaker.nextRequest();
  stream.say("one");
  await eventually("the text", async () => (await textOf(runId)) === "one");
  // What a Redis that came back without its last second of writes looks like.
  await fixture.commands.hset(keys.record(runId), "seq", 0);
  stream.say("two");
  await expect(finished).rejects.toThrow(RunHandedBackError);
  await stream.closed;
});

describe("a provider that is known to fail", () => {
  const moved: string[] = [];

  function open(code: ErrorCode): void {
    moved.length = 0;
    context = {
      ...context,
      queues: { has: (name) => name !== "mine", add: async (job) => void moved.push(job.provider) },
    };
    for (let n = 0; n < 5; n += 1) provider.health.failed(code);
  }

  test("is not asked: the next one has the run, and no attempt is spent", async () => {
    open("provider_error");
    await eventually("the circuit", () => provider.health.closed);
    const { runId, finished } = await begin(["other"]);
    await finished;
    expect([moved, speaker.requests]).toEqual([["other"], 0]);
    const [entry] = await entries(runId);
    expect(entry).toEqual({ type: "moved", provider: "other" });
    expect(await fixture.commands.hget(keys.record(runId), "attempts")).toBe("0");
  });

  test("nor is a run spent on it that another one had before", async () => {
    open("provider_error");
    await eventually("the circuit", () => provider.health.closed);
    const runId = randomUUID();
    await context.records.create({ runId, edge: "edge-1", provider: "first", session: "s" });
    const started = { type: "started", provider: "first", model: "m" } as const;
    const claim = await context.records.claim({
      runId,
      lease: "of the first",
      worker: "worker-2",
      maxAttempts: 2,
      started,
      exhausted: CANCELLED,
    });
    if (claim.outcome !== "claimed") throw new Error(claim.outcome);
    await context.records.move({ runId, epoch: claim.epoch, from: "first", provider: "mine" });
    const messages = [{ role: "user" as const, content: "hi" }];
    await executeRun(
      { runId, session: "s", provider: "mine", messages, fallback: ["other"] },
      context,
    );
    expect([moved, speaker.requests]).toEqual([["other"], 0]);
  });

  test("a dead attempt's run does not wait for the end of its rest: the next one has it", async () => {
    open("provider_rate_limited");
    const { runId, job, finished } = await begin(["other"]);
    await speaker.nextRequest();
    provider.health.rest("provider_rate_limited", 9_000);
    // Offered again, as by a worker that was killed.
    await executeRun(job, { ...context, attempts: new ActiveAttempts() });
    expect(moved).toEqual(["other"]);
    expect((await entries(runId)).at(-1)).toEqual({ type: "moved", provider: "other" });
    await finished;
  });

  test("one that lost a run twice gives it to the next, and ends it where there is none", async () => {
    for (const fallback of [["other"], []]) {
      open("provider_rate_limited");
      context = { ...context, maxAttempts: 5 };
      const { runId, job } = await begin(fallback);
      await speaker.nextRequest();
      const again = { ...context, attempts: new ActiveAttempts() };
      void executeRun(job, again);
      await speaker.nextRequest();
      await executeRun(job, again);
      expect(moved).toEqual(fallback);
      expect((await entries(runId)).at(-1)).toMatchObject(
        fallback.length > 0
          ? { type: "moved" }
          : { type: "failed", failure: { code: "attempts_exhausted" } },
      );
      await context.records.end(runId, CANCELLED);
    }
  });

  test("is asked all the same where nobody else can be", async () => {
    open("provider_error");
    await eventually("the circuit", () => provider.health.closed);
    const { runId, finished } = await begin();
    const stream = await speaker.nextRequest();
    stream.say("after all");
    stream.finish();
    await finished;
    expect((await entries(runId)).at(-1)?.type).toBe("completed");
  });

  test("an account that complained is not asked again while it rests; the run waits, unclaimed", async () => {
    open("provider_rate_limited");
    provider.health.rest("provider_rate_limited", 2_000);
    const { runId, finished } = await begin();
    await expect(finished).rejects.toMatchObject({ code: "run_postponed" });
    expect([speaker.requests, (await entries(runId)).length]).toEqual([0, 0]);
  });

  test("a refused account is given up on once it was looked at again", async () => {
    open("provider_auth");
    // The key is still refused when the worker looks.
    speaker.refuses = () => true;
    speaker.refusalStatus = 401;
    await eventually("the look", () => speaker.requests > 0);
    const closed = await eventually("the end of all doubt", () => {
      const now = provider.health.closed;
      return now?.forMs === undefined ? now : undefined;
    });
    expect(closed).toEqual({ code: "provider_auth" });
    const asked = speaker.requests;
    const { runId, finished } = await begin();
    await finished;
    expect((await entries(runId)).at(-1)).toMatchObject({
      failure: { code: "provider_auth", message: expect.stringContaining("not asked") },
    });
    expect(speaker.requests - asked).toBeLessThanOrEqual(1);
  });
});

describe("an attempt that continues the one before it", () => {
  /** The first attempt says this much, and then another worker takes the run. */
  async function takenOver(said: string) {
    const { runId, job, finished } = await begin();
    const first = await speaker.nextRequest();
    first.say(said);
    const whole = said.replace(/[\ud800-\udbff]$/, "");
    await eventually("the text", async () => (await textOf(runId)) === whole);
    const second = executeRun(job, { ...context, attempts: new ActiveAttempts() });
    return { runId, job, first, finished: Promise.all([finished, second]) };
  }

  const messages = (partial: string) => [
    { role: "user", content: "hi" },
    { role: "assistant", content: partial },
  ];

  async function lastAttempt(runId: string): Promise<string> {
    const all = await entries(runId);
    const since = all.slice(all.findLastIndex(({ type }) => type === "started"));
    return since.map((entry) => (entry.type === "text" ? entry.text : "")).join("");
  }

  beforeEach(() => setUp({ continueFromPartial: true }));

  test("gives its provider the text so far and writes all of it", async () => {
    const { runId, finished } = await takenOver("Hello wor");
    const stream = await speaker.nextRequest();
    expect(stream.body).toMatchObject({
      messages: messages("Hello wor"),
      continue_final_message: true,
      add_generation_prompt: false,
    });
    stream.say("ld");
    stream.finish();
    await finished;
    expect(await lastAttempt(runId)).toBe("Hello world");
    expect((await entries(runId)).at(-1)).toMatchObject({ type: "completed" });
  });

  test("half a character is not part of it", async () => {
    const { runId, finished } = await takenOver("Hello \ud83d");
    const stream = await speaker.nextRequest();
    expect(stream.body).toMatchObject({ messages: messages("Hello") });
    stream.say(" 😀");
    stream.finish();
    await finished;
    expect(await lastAttempt(runId)).toBe("Hello 😀");
  });

  test("may find that nothing was left to say", async () => {
    const { runId, finished } = await takenOver("All of it.");
    (await speaker.nextRequest()).finish();
    await finished;
    expect(await lastAttempt(runId)).toBe("All of it.");
    expect((await entries(runId)).at(-1)).toMatchObject({ type: "completed", finish: "stop" });
  });

  test("begins anew, at once, where the provider refuses to continue", async () => {
    const isContinuation = (body: unknown) => JSON.stringify(body).includes("continue_final");
    speaker.refuses = isContinuation;
    const { runId, finished } = await takenOver("Hello wor");
    const stream = await speaker.nextRequest();
    expect(speaker.requests).toBe(3);
    expect(isContinuation(stream.body)).toBe(false);
    stream.say("Good day");
    stream.finish();
    await finished;
    expect(await lastAttempt(runId)).toBe("Good day");
  });

  test("continues what was continued", async () => {
    context = { ...context, maxAttempts: 3 };
    const { runId, job, finished } = await takenOver("Hello ");
    const stream = await speaker.nextRequest();
    stream.say(" wor");
    await eventually("the text", async () => (await lastAttempt(runId)) === "Hello wor");
    // As if the third were another provider's: none is asked a third time.
    await fixture.commands.hset(keys.record(runId), "tries", 0);
    const third = executeRun(job, { ...context, attempts: new ActiveAttempts() });
    const last = await speaker.nextRequest();
    expect(last.body).toMatchObject({ messages: messages("Hello wor") });
    last.say("ld");
    last.finish();
    await Promise.all([finished, third]);
    expect(await lastAttempt(runId)).toBe("Hello world");
  });

  test("is told with the moved run whether it may, by how the one before it failed", async () => {
    const moved: (boolean | undefined)[] = [];
    const queues = {
      has: () => true,
      add: async ({ anew }: { anew?: boolean | undefined }) => void moved.push(anew),
    };
    context = { ...context, queues };
    const failures = [
      (stream: SpokenStream) => stream.cut(),
      (stream: SpokenStream) => stream.raw("data: nonsense\n\n"),
    ];
    for (const fail of failures) {
      const { runId, finished } = await begin(["other"]);
      const stream = await speaker.nextRequest();
      stream.say("Hello");
      await eventually("the text", async () => (await textOf(runId)) === "Hello");
      fail(stream);
      await finished;
    }
    expect(moved).toEqual([false, true]);
  });

  test("is none where nobody knows any more why the run moved", async () => {
    const moved: unknown[] = [];
    const queues = { has: () => true, add: async (job: object) => void moved.push(job) };
    const { runId, job, finished } = await begin();
    (await speaker.nextRequest()).say("Hello");
    await eventually("the text", async () => (await textOf(runId)) === "Hello");
    const epoch = Number(await fixture.commands.hget(keys.record(runId), "epoch"));
    await context.records.move({ runId, epoch, from: "mine", provider: "other" });
    await executeRun(job, { ...context, queues });
    expect(moved).toEqual([{ ...job, provider: "other", anew: true }]);
    await context.records.end(runId, CANCELLED);
    await finished;
  });

  test("is none where the provider is not configured to continue", async () => {
    await setUp({});
    const { runId, finished } = await takenOver("Hello");
    const stream = await speaker.nextRequest();
    expect(stream.body).toMatchObject({ messages: [{ role: "user" }] });
    stream.say("Hi");
    stream.finish();
    await finished;
    expect(await lastAttempt(runId)).toBe("Hi");
  });
});

test("a fire-hose provider is paused while Redis does not take its text", async () => {
  const { runId, finished } = await begin();
  const stream = await speaker.nextRequest();
  stream.say("start");
  await eventually("the text", async () => (await textOf(runId)) === "start");
  await fixture.commands.call("CLIENT", "PAUSE", "1500", "WRITE");
  // The kernel's buffers take some; without a pause the worker would take all of it.
  const written = await stream.flood({ megabytes: 64, forMs: 1_200 });
  expect(written).toBeLessThan(24);
  await context.records.end(runId, CANCELLED).catch(() => undefined);
  context.attempts.onBatch([{ runId, position: LATER, entry: CANCELLED }]);
  await finished.catch(() => undefined);
});
