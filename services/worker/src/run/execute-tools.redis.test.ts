/** Runs with tools, and runs that go on unread: real Redis, and two HTTP providers that speak on command. */
import { randomUUID } from "node:crypto";
import { parseGatewayConfig } from "@openclaw/config";
import type { RunJob } from "@openclaw/queue";
import { createLogger } from "@openclaw/runtime";
import {
  Appender,
  BEGINNING,
  DEFAULT_RETENTION,
  type Entry,
  RunRecords,
  StreamKeys,
} from "@openclaw/stream";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { SpeakingProvider } from "../testing/speaking-provider.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import type { AttemptContext } from "./attempt.ts";
import { AttemptCounts } from "./attempt-counts.ts";
import { executeRun } from "./execute-run.ts";
import { HedgeBudget } from "./hedge.ts";

const log = createLogger({ service: "test", level: "silent" });
const NAMES = ["first", "second"] as const;
type Name = (typeof NAMES)[number];

let fixture: RedisFixture;
let speakers: Readonly<Record<Name, SpeakingProvider>>;
let clients: ProviderClient[];
let keys: StreamKeys;
let appender: Appender;
let records: RunRecords;
/** What was put on a queue, whoever's. */
let added: RunJob[];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  speakers = { first: await SpeakingProvider.start(), second: await SpeakingProvider.start() };
  keys = new StreamKeys({ prefix: fixture.prefix, partitions: 1 });
  records = new RunRecords(fixture.commands, keys, { ...DEFAULT_RETENTION, heldMs: 0 });
  appender = new Appender(await fixture.connect(), keys, { orphanGraceMs: 100 });
  await appender.start();
  clients = [];
  added = [];
});

afterEach(async () => {
  await appender.stop();
  await Promise.all(clients.map((client) => client.stop()));
  await Promise.all(NAMES.map((name) => speakers[name].stop()));
  await fixture.close();
});

async function contextOf(name: Name, more: object = {}): Promise<AttemptContext> {
  const provider = { kind: "openai", baseUrl: speakers[name].url, model: "m", pool: { warm: 0 } };
  const { providers } = parseGatewayConfig(
    { providers: { [name]: { ...provider, continueFromPartial: true, ...more } } },
    { source: "test", env: {} },
  );
  const config = providers[name];
  if (!config) throw new Error("it was just configured");
  const client = createProviderClient({ name, config, log });
  clients.push(client);
  await client.start();
  return {
    provider: client,
    records,
    appender,
    queues: { has: (other) => other !== name, add: async (job) => void added.push(job) },
    attempts: new ActiveAttempts(),
    counts: new AttemptCounts(),
    limits: { slowDown: async () => undefined },
    hedges: new HedgeBudget(() => 1),
    node: `worker-${name}`,
    maxAttempts: 3,
    log,
  };
}

const call = (index: number, name: string) => ({
  index,
  id: `call-${name}`,
  type: "function" as const,
  function: { name, arguments: "" },
});
const more = (index: number, given: string) => ({ index, function: { arguments: given } });
const asked = {
  messages: [
    { role: "user" as const, content: "And now?" },
    {
      role: "assistant" as const,
      content: null,
      tool_calls: [
        { id: "c", type: "function" as const, function: { name: "time", arguments: "{}" } },
      ],
    },
    { role: "tool" as const, content: "12:00", tool_call_id: "c" },
  ],
  passed: {
    tools: [{ type: "function" as const, function: { name: "time" } }],
    tool_choice: "required" as const,
    seed: 7,
  },
};
/** What a provider of this test is to be sent of it: all. */
const ASKED = { messages: asked.messages, ...asked.passed };

async function begin(context: AttemptContext, job: Partial<RunJob> = asked) {
  const runId = randomUUID();
  await records.create({ runId, edge: "edge-1", provider: "first", session: "s" });
  const messages = [{ role: "user" as const, content: "hi" }];
  const run = { runId, session: "s", provider: "first", messages, fallback: ["second"], ...job };
  const finished = executeRun(run, context);
  // Some tests look at it late; a rejection must not count as unhandled until then.
  finished.catch(() => undefined);
  return { runId, run, finished };
}

const logOf = async (runId: string): Promise<Entry[]> =>
  (await records.read(runId, BEGINNING))?.entries.map(({ entry }) => entry) ?? [];

/** The calls of the last attempt, joined as a client does. */
async function callsOf(runId: string) {
  const all = await logOf(runId);
  const calls: { name: string | undefined; given: string }[] = [];
  for (const entry of all.slice(all.findLastIndex(({ type }) => type === "started"))) {
    if (entry.type !== "tool_call") continue;
    const { name, given = "" } = calls[entry.index] ?? {};
    calls[entry.index] = { name: name ?? entry.name, given: given + entry.arguments };
  }
  return calls;
}

test("calls are in the log as they come, and make a finished answer", async () => {
  const { runId, finished } = await begin(await contextOf("first"));
  const stream = await speakers.first.nextRequest();
  expect(stream.body).toMatchObject(ASKED);
  stream.call(call(0, "time"));
  await eventually("the call", async () => (await callsOf(runId)).length === 1);
  stream.call(more(0, '{"zone":'));
  stream.call(more(0, '"UTC"}'));
  stream.call(call(1, "weather"));
  stream.call(more(1, "{}"));
  stream.finish();
  await finished;
  expect(await callsOf(runId)).toEqual([
    { name: "time", given: '{"zone":"UTC"}' },
    { name: "weather", given: "{}" },
  ]);
  expect((await logOf(runId)).at(-1)).toMatchObject({
    type: "completed",
    finish: "tool_calls",
    timings: { firstTokenMs: expect.any(Number) },
  });
});

test("a call is a first token: silence behind it is a stall", async () => {
  const timeouts = { firstTokenMs: 10_000, stallMs: 100 };
  const { runId, finished } = await begin(await contextOf("first", { timeouts }), {
    ...asked,
    fallback: [],
  });
  (await speakers.first.nextRequest()).call(call(0, "time"));
  await finished;
  expect((await logOf(runId)).at(-1)).toMatchObject({ failure: { code: "provider_stalled" } });
});

describe("another provider", () => {
  test("that takes a run over is asked the same, and begins anew in the middle of a call", async () => {
    const { runId, finished } = await begin(await contextOf("first"));
    const broken = await speakers.first.nextRequest();
    broken.say("Let me see.");
    broken.call(call(0, "time"));
    broken.call(more(0, '{"zo'));
    await eventually("the piece", async () => (await callsOf(runId))[0]?.given === '{"zo');
    broken.cut();
    await finished;
    const [moved] = added;
    if (!moved) throw new Error("it did not move");
    expect(moved).toMatchObject({ ...asked, provider: "second", anew: false });
    const taken = executeRun(moved, await contextOf("second"));
    const stream = await speakers.second.nextRequest();
    expect(stream.body).toMatchObject(ASKED);
    expect(stream.body).not.toHaveProperty("continue_final_message");
    stream.call(call(0, "time"));
    stream.call(more(0, "{}"));
    stream.finish();
    await taken;
    expect(await callsOf(runId)).toEqual([{ name: "time", given: "{}" }]);
  });

  test("that is hedged with is asked the same, and answers with a call", async () => {
    const { runId, finished } = await begin(await contextOf("first", { hedgeAfterMs: 50 }));
    await speakers.first.nextRequest();
    const hedge = await eventually("the hedge", () => added[0]);
    const hedged = executeRun(hedge, await contextOf("second"));
    const stream = await speakers.second.nextRequest();
    expect(stream.body).toMatchObject(ASKED);
    stream.call(call(0, "time"));
    await eventually("the call", async () => (await callsOf(runId)).length === 1);
    stream.call(more(0, "{}"));
    stream.finish();
    await Promise.all([hedged, finished]);
    const started = (await logOf(runId)).filter(({ type }) => type === "started");
    expect(started).toMatchObject([{ provider: "first" }, { provider: "second" }]);
    expect((await logOf(runId)).at(-1)).toMatchObject({ finish: "tool_calls" });
  });
});

test.each([
  ["a run that nobody reads is given up", false, { type: "cancelled", reason: "orphaned" }],
  ["a run in the background goes on all the same", true, { type: "completed", finish: "stop" }],
])("%s", async (_, background, last) => {
  const { runId, finished } = await begin(await contextOf("first"), { background, fallback: [] });
  const stream = await speakers.first.nextRequest();
  const talking = setInterval(() => stream.say("."), 10);
  const startedAt = performance.now();
  await eventually("three times as long as a run may be unheard", async () => {
    return performance.now() - startedAt > 300 || (await isOver(runId));
  });
  clearInterval(talking);
  stream.finish();
  await finished;
  expect((await logOf(runId)).at(-1)).toMatchObject(last);
});

const isOver = async (runId: string) => (await logOf(runId)).at(-1)?.type === "cancelled";
