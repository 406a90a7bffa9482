/** Two providers for one run: which of them answers, and that the other is left. */
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
  Subscription,
} from "@openclaw/stream";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test, vi } from "vitest";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { SpeakingProvider } from "../testing/speaking-provider.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import type { AttemptContext } from "./attempt.ts";
import { AttemptCounts } from "./attempt-counts.ts";
import { executeRun } from "./execute-run.ts";
import { HedgeBudget } from "./hedge.ts";

const log = createLogger({ service: "test", level: "silent" });

let fixture: RedisFixture;
let late: SpeakingProvider;
let quick: SpeakingProvider;
let clients: { late: ProviderClient; quick: ProviderClient };
let appender: Appender;
let records: RunRecords;
let subscription: Subscription;
let attempts: ActiveAttempts;
let counts: AttemptCounts;
let hedges: RunJob[];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  late = await SpeakingProvider.start();
  quick = await SpeakingProvider.start();
  const { providers } = parseGatewayConfig(
    { providers: { late: at(late, { hedgeAfterMs: 100 }), quick: at(quick) } },
    { source: "test", env: {} },
  );
  if (!providers.late || !providers.quick) throw new Error("they were just configured");
  clients = {
    late: createProviderClient({ name: "late", config: providers.late, log }),
    quick: createProviderClient({ name: "quick", config: providers.quick, log }),
  };
  const keys = new StreamKeys({ prefix: fixture.prefix, partitions: 1 });
  records = new RunRecords(fixture.commands, keys, { ...DEFAULT_RETENTION, heldMs: 300 });
  appender = new Appender(await fixture.connect(), keys);
  await appender.start();
  attempts = new ActiveAttempts();
  counts = new AttemptCounts();
  hedges = [];
  subscription = new Subscription({
    subscriber: fixture.subscriber(),
    commands: fixture.commands,
    keys,
    node: "worker-1",
    log,
    onBatch: (batch) => attempts.onBatch(batch),
    onRestored: () => attempts.missedSomething(),
  });
  await subscription.start();
});

afterEach(async () => {
  await subscription.stop();
  await appender.stop();
  await Promise.all([clients.late.stop(), clients.quick.stop()]);
  await Promise.all([late.stop(), quick.stop()]);
  await fixture.close();
});

const at = ({ url }: SpeakingProvider, more: object = {}) => ({
  kind: "openai",
  baseUrl: url,
  model: "m",
  pool: { warm: 0 },
  ...more,
});

function contextOf(provider: ProviderClient): AttemptContext {
  return {
    provider,
    records,
    appender,
    attempts,
    counts,
    queues: { has: () => true, add: async (job) => void hedges.push(job) },
    limits: { slowDown: async () => undefined },
    hedges: new HedgeBudget(() => 1),
    node: "worker-1",
    maxAttempts: 2,
    log,
  };
}

/** Begins a run whose provider says nothing, and waits until the other is to be asked as well. */
async function beginLate() {
  const runId = randomUUID();
  await records.create({ runId, edge: "edge-1", provider: "late", session: "s" });
  const job: RunJob = {
    runId,
    session: "s",
    provider: "late",
    messages: [{ role: "user", content: "hi" }],
    fallback: ["quick"],
  };
  const first = executeRun(job, contextOf(clients.late));
  first.catch(() => undefined);
  const silent = await late.nextRequest();
  const hedge = await eventually("the hedge", () => hedges[0]);
  return { runId, job, first, silent, hedge };
}

/** A worker takes the hedge and asks. */
async function take(hedge: RunJob) {
  const second = executeRun(hedge, contextOf(clients.quick));
  second.catch(() => undefined);
  return { second, stream: await quick.nextRequest() };
}

const logOf = async (runId: string): Promise<Entry[]> =>
  (await records.read(runId, BEGINNING))?.entries.map(({ entry }) => entry) ?? [];

/** Who began, and what was said, in the order of the log. */
const told = async (runId: string) =>
  (await logOf(runId)).map((entry) =>
    entry.type === "started" ? entry.provider : entry.type === "text" ? entry.text : entry.type,
  );

test("who speaks first answers: the late one is left at once, and its job is done", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  expect(hedge).toMatchObject({ runId, provider: "quick", fallback: [] });
  const { second, stream } = await take(hedge);
  stream.say("hello");
  await silent.closed;
  await first;
  // Its text is in the log by then: what follows is a piece of its own.
  await eventually("the text", async () => (await told(runId)).includes("hello"));
  stream.say(" there");
  stream.finish();
  await second;
  expect(await told(runId)).toEqual(["late", "quick", "hello", " there", "completed"]);
  expect(counts.takeTotals()).toMatchObject({ "attempts:hedged": 1, "attempts:hedge_won": 1 });
});

test("the first one speaks in time after all: the hedge is left at once", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  silent.say("late but whole");
  await stream.closed;
  await second;
  silent.finish();
  await first;
  expect(await told(runId)).toEqual(["late", "late but whole", "completed"]);
  expect(counts.takeTotals()).toMatchObject({ "attempts:hedge_lost": 1 });
});

test("a run that was cancelled meanwhile takes both with it", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  await records.end(runId, { type: "cancelled", reason: "client" });
  await Promise.all([silent.closed, stream.closed, first, second]);
  expect(await told(runId)).toEqual(["late", "cancelled"]);
});

test("a hedge that comes when the matter is decided asks nobody", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  silent.say("in time");
  await eventually("the text", async () => (await told(runId)).includes("in time"));
  await executeRun(hedge, contextOf(clients.quick));
  expect(quick.requests).toBe(0);
  silent.finish();
  await first;
});

test("a hedge that fails leaves the first to answer", async () => {
  const { runId, first, silent, hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  stream.finish();
  await second;
  silent.say("still here");
  silent.finish();
  await first;
  expect(await told(runId)).toEqual(["late", "still here", "completed"]);
  expect(counts.takeTotals()).toMatchObject({ "attempts:hedge_failed": 1 });
});

test("the worker of a hedge dies after it had won: whoever is offered the job goes on with the run", async () => {
  const { runId, first, hedge } = await beginLate();
  // As that worker left it.
  const won = await records.claim({
    runId,
    lease: "of the dead",
    worker: "worker-2",
    maxAttempts: 2,
    started: { type: "started", provider: "quick", model: "m" },
    exhausted: { type: "cancelled", reason: "client" },
    ...(hedge.hedges !== undefined && { hedges: hedge.hedges }),
  });
  expect(won.outcome).toBe("claimed");
  await first;
  const again = () => executeRun(hedge, contextOf(clients.quick));
  await expect(again()).rejects.toMatchObject({ code: "run_postponed" });
  await eventually("the claim to be forgotten", async () => {
    const outcome = await Promise.race([
      again().then(
        () => "done",
        () => "held",
      ),
      quick.nextRequest().then((stream) => {
        stream.say("whole");
        stream.finish();
        return "asked";
      }),
    ]);
    return outcome === "asked";
  });
  await eventually("the end", async () => (await told(runId)).at(-1) === "completed");
  expect((await told(runId)).slice(-3)).toEqual(["quick", "whole", "completed"]);
});

test("a claim that Redis does not answer closes what was begun", async () => {
  const { hedge } = await beginLate();
  const { second, stream } = await take(hedge);
  vi.spyOn(records, "claim").mockRejectedValue(new Error("no answer"));
  stream.say("hello");
  await expect(second).rejects.toThrow("no answer");
  await stream.closed;
}, 30_000);

test("a later attempt is not hedged: another model would hardly say what the user has already", async () => {
  const { job, first, silent } = await beginLate();
  hedges = [];
  silent.say("some text");
  await eventually("the text", async () => (await told(job.runId)).includes("some text"));
  silent.cut();
  await first.catch(() => undefined);
  const moved = hedges[0];
  if (!moved) throw new Error("it did not move");
  expect(moved).toMatchObject({ provider: "quick" });
  hedges = [];
  const second = executeRun({ ...moved, fallback: ["late"] }, contextOf(clients.quick));
  const stream = await quick.nextRequest();
  stream.say("some text and more");
  stream.finish();
  await second;
  expect(hedges).toEqual([]);
});
