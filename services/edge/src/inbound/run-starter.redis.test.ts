/** A run from the edge's side: what the client is told, and what the cluster learns. */
import { randomUUID } from "node:crypto";
import { parseGatewayConfig } from "@openclaw/config";
import { ERROR_CODES, type RunOptions } from "@openclaw/protocol";
import { RunIntake, type RunJob, RunQueues } from "@openclaw/queue";
import { createBlockingConnection, createLogger } from "@openclaw/runtime";
import {
  Appender,
  BEGINNING,
  DEFAULT_RETENTION,
  type DeltaEntry,
  DueRuns,
  type Position,
  RunRecords,
  type RunWriter,
  StreamKeys,
  Subscription,
  type TerminalEntry,
} from "@openclaw/stream";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import type { Answer, DeltaOutcome } from "../outbound/answer.ts";
import { Curtain } from "../outbound/curtain.ts";
import type { LiveRun } from "../outbound/live-run.ts";
import { LiveRuns } from "../outbound/live-runs.ts";
import { RunStats } from "../outbound/run-stats.ts";
import { OverdueRuns } from "./overdue-runs.ts";
import { RunStarter } from "./run-starter.ts";
import type { StartedRun } from "./started-run.ts";

const log = createLogger({ service: "test", level: "silent" });
const NODE = "edge-1";
const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1, connection: "warm" },
};

/** A client that notes what it is told. */
class NotingAnswer implements Answer {
  readonly isResumable = false;
  readonly isStreamed = true;
  text = "";
  readonly terminals: TerminalEntry[] = [];
  readonly #curtain = new Curtain();

  onAccepted(): void {
    // Not noted.
  }

  onQueued(): void {
    // Not noted.
  }

  onStarted(): void {
    this.#curtain.draw();
  }

  onDelta(_position: Position, { text }: DeltaEntry): DeltaOutcome {
    const fresh = this.#curtain.pass(text);
    if (fresh === undefined) return "interrupted";
    this.text += fresh;
    return "written";
  }

  onToolCall(): "held" {
    return "held";
  }

  onTerminal(terminal: TerminalEntry): false {
    this.terminals.push(terminal);
    return false;
  }

  batch(write: () => void): void {
    write();
  }
}

let fixture: RedisFixture;
let keys: StreamKeys;
let records: RunRecords;
let queues: RunQueues;
let runs: LiveRuns;
let subscription: Subscription;
let appender: Appender;
let starter: RunStarter;

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  keys = new StreamKeys({ prefix: fixture.prefix, partitions: 1 });
  records = new RunRecords(fixture.commands, keys, { ...DEFAULT_RETENTION, heldMs: 0 });
  queues = new RunQueues({
    redis: fixture.commands,
    keyPrefix: fixture.prefix,
    providers: () => ["mine", "glm", "hasty"],
  });
  await queues.start();
  runs = new LiveRuns((runId) => starter.unread(runId));
  await runs.start();
  subscription = new Subscription({
    createSubscriber: () => fixture.subscriber(),
    commands: fixture.commands,
    keys,
    node: NODE,
    log,
    onBatch: (batch) => runs.onBatch(batch),
    onRestored: () => runs.refill(),
  });
  await subscription.start();
  appender = new Appender(await fixture.connect(), keys);
  await appender.start();
  starter = createStarter({});
});

afterEach(async () => {
  await runs.stop();
  await starter.stop();
  await appender.stop();
  await subscription.stop();
  await queues.stop();
  await fixture.close();
});

const PROVIDER = { baseUrl: "http://127.0.0.1:1/v1", model: "m" };

function createStarter(overrides: { queueTimeoutMs?: number; maxRuns?: number }): RunStarter {
  const gateway = parseGatewayConfig(
    {
      providers: {
        mine: { ...PROVIDER, kind: "openai", fallback: ["glm"] },
        hasty: { ...PROVIDER, kind: "openai", timeouts: { queueMs: 100 } },
        glm: { ...PROVIDER, kind: "zhipu" },
      },
    },
    { source: "test", env: {} },
  );
  return new RunStarter({
    node: NODE,
    gateway: { current: gateway },
    records,
    queues,
    runs,
    stats: new RunStats(),
    choice: { order: (members) => [...members] },
    log,
    maxRuns: 10,
    queueTimeoutMs: 30_000,
    isListening: () => subscription.alive && fixture.commands.status === "ready",
    isAlive: (node) => !node.startsWith("edge-dead"),
    ...overrides,
  });
}

function start(
  options?: RunOptions,
  background = false,
): {
  run: StartedRun;
  answer: NotingAnswer;
  ended: () => number;
} {
  const answer = new NotingAnswer();
  let ended = 0;
  const run = starter.begin({
    session: "s",
    messages: [{ role: "user", content: "hi" }],
    provider: undefined,
    options,
    background,
    answer,
    onEnded: () => {
      ended += 1;
    },
  });
  return { run, answer, ended: () => ended };
}

const queued = () => eventually("the job", async () => (await queues.counts("mine")).waiting === 1);

/** What a worker does with a run, by hand; the job goes as if it had been taken. */
async function attempt(runId: string, worker = "worker-1"): Promise<RunWriter> {
  await queues.remove("mine", runId);
  const claim = await records.claim({
    runId,
    lease: randomUUID(),
    worker,
    maxAttempts: 2,
    started: { type: "started", provider: "mine", model: "m" },
    exhausted: { type: "cancelled", reason: "client" },
  });
  if (claim.outcome !== "claimed") throw new Error(claim.outcome);
  return appender.open({ runId, epoch: claim.epoch, onLost: () => undefined });
}

/** A run that another edge began and follows. */
async function elsewhere(): Promise<{ runId: string }> {
  const runId = randomUUID();
  await records.create({ runId, edge: "edge-elsewhere", provider: "mine", session: "s" });
  return { runId };
}

const lastOfLog = async (runId: string) =>
  (await records.read(runId, BEGINNING))?.entries.at(-1)?.entry;

/** Takes every job as a worker would, and does nothing about it. */
async function takeJobs(): Promise<ReadonlyMap<string, RunJob>> {
  const taken = new Map<string, RunJob>();
  const redis = createBlockingConnection({ url: fixture.url, name: "test:intake", log });
  await redis.connect();
  const intake = new RunIntake({
    redis,
    keyPrefix: fixture.prefix,
    provider: "mine",
    concurrency: 10,
    log,
    onRun: async (job) => void taken.set(job.runId, job),
  });
  await intake.start();
  onTestFinished(async () => {
    await intake.stop();
    redis.disconnect();
  });
  return taken;
}

describe("a provider that cannot heed the options", () => {
  const stops = { stop: ["a", "b"] };

  test("is refused before the run begins, with the reason", () => {
    const refusal = starter.refusal("glm", { options: stops });
    expect(refusal).toMatchObject({ code: "invalid_request", retryable: false });
    expect(refusal?.message).toMatch(/options.stop.*2.*glm takes 1/);
    expect(starter.refusal("glm", { options: { stop: ["a"] } })).toBeUndefined();
    expect(starter.refusal("mine", { options: stops })).toBeUndefined();
  });

  test("is no fallback of the run", async () => {
    const taken = await takeJobs();
    const runs = [start(stops), start({ stop: ["a"] }), start()];
    await eventually("the jobs", () => taken.size === 3);
    const jobs = runs.map(({ run }) => taken.get(run.runId));
    expect(jobs.map((job) => job?.fallback)).toEqual([[], ["glm"], ["glm"]]);
    expect(jobs[0]?.options).toEqual(stops);
    for (const { run } of runs) run.cancel("client");
  });
});

describe("a run that this edge is told of though nobody here reads it", () => {
  test("is left, so that its worker finds itself unheard", async () => {
    const { run } = start();
    await queued();
    // As after an outage in which its end could not be announced.
    runs.remove(run as LiveRun);
    const writer = await attempt(run.runId);
    await eventually("the leaving", async () => {
      writer.write({ type: "text", text: "x" });
      return (await records.watchers(run.runId)).length === 0;
    });
    await records.end(run.runId, { type: "cancelled", reason: "client" });
  });

  test("is given up though an edge is on its list that died, not though one that lives", async () => {
    for (const [other, isGivenUp] of [
      ["edge-dead", true],
      ["edge-elsewhere", false],
    ] as const) {
      const { run, answer } = start();
      await queued();
      const writer = await attempt(run.runId);
      await records.watch(run.runId, { node: other, session: "s" });
      writer.write({ type: "text", text: "x" });
      await eventually("the text", () => answer.text === "x");
      starter.keepFor(run, 50);
      const end = eventually("the end", () => run.isEnded, { withinMs: 500 });
      if (isGivenUp) await end;
      else await expect(end).rejects.toThrow();
      run.cancel("client");
    }
  });

  test("is left after a resume from a position nobody wrote", async () => {
    const { runId } = await elsewhere();
    const refused = await starter.resume({
      runId,
      session: "s",
      after: { epoch: 2 ** 40, seq: 1 },
      answer: new NotingAnswer(),
      onResumed: () => undefined,
      onEnded: () => undefined,
    });
    expect(refused).toBe("ahead");
    await eventually("the leaving", async () => (await records.watchers(runId)).length === 1);
    await records.end(runId, { type: "cancelled", reason: "client" });
  });
});

test("a run that outlived as many edges as may watch it is followed by the next", async () => {
  const { runId } = await elsewhere();
  const resume = () =>
    starter.resume({
      runId,
      session: "s",
      after: BEGINNING,
      answer: new NotingAnswer(),
      onResumed: () => undefined,
      onEnded: () => undefined,
    });
  // The one where it began is one of 16.
  for (let life = 0; life < 14; life += 1) {
    await records.watch(runId, { node: `edge-alive-${life}`, session: "s" });
  }
  await records.watch(runId, { node: "edge-dead-1", session: "s" });
  expect(await resume()).not.toBe("too_many_readers");
  expect(await records.watchers(runId)).not.toContain("edge-dead-1");
  await records.unwatch(runId, NODE);
  await records.watch(runId, { node: "edge-alive-15", session: "s" });
  expect(await resume()).toBe("too_many_readers");
  await records.end(runId, { type: "cancelled", reason: "client" });
});

describe("a run that goes on though nobody reads it", () => {
  const resume = (runId: string, answer: Answer, after: Position = BEGINNING) =>
    starter.resume({
      runId,
      after,
      answer,
      onResumed: () => undefined,
      onEnded: () => undefined,
    });

  test("is known as such to its worker and to its readers", async () => {
    const taken = await takeJobs();
    const { run } = start(undefined, true);
    await eventually("the job", () => taken.get(run.runId)?.background);
    const watched = await records.watch(run.runId, { node: NODE });
    expect(watched).toMatchObject({ session: "s", dueInMs: expect.any(Number) });
    run.cancel("client");
  });

  test("ends when it must, told to a reader that came back too late, who then has all of it", async () => {
    const runId = randomUUID();
    await records.create({ runId, edge: "edge-dead", provider: "mine", session: "s", dueInMs: 1 });
    const answer = new NotingAnswer();
    await resume(runId, answer);
    await eventually("the end", () => answer.terminals[0]);
    expect(answer.terminals).toMatchObject([
      {
        type: "failed",
        failure: { code: "run_timeout", message: ERROR_CODES.run_timeout.message },
      },
    ]);
    const ended = await eventually("its announcement", async () => {
      const status = await records.status(runId);
      return status?.state === "failed" ? status : undefined;
    });
    expect(await resume(runId, new NotingAnswer(), ended.position)).toBe("nothing_left");
    await eventually("the leaving", async () => !(await records.watchers(runId)).includes(NODE));
  });

  test("whose edge died is ended by the others once it must be over, asked for or not", async () => {
    const due = new DueRuns(fixture.commands, keys);
    const create = (runId: string, dueInMs: number) =>
      records.create({ runId, edge: "edge-dead", provider: "mine", session: "s", dueInMs });
    const [late, ended, later] = [randomUUID(), randomUUID(), randomUUID()];
    await create(late, 1);
    await create(ended, 1);
    await create(later, 60_000);
    await records.end(ended, { type: "cancelled", reason: "client" });
    await eventually("both to be due", async () => (await due.overdue()).length === 2);
    const watch = new OverdueRuns({
      due,
      status: (runId) => records.status(runId),
      end: (runId, provider) => starter.endOverdue(runId, provider),
      log,
    });
    await watch.look();
    expect((await records.status(late))?.state).toBe("failed");
    expect((await records.status(ended))?.state).toBe("cancelled");
    expect((await records.status(later))?.state).toBe("queued");
    expect(await due.overdue()).toEqual([]);
    await records.end(later, { type: "cancelled", reason: "client" });
  });

  test("is ended where it is overdue by whoever finds it so", async () => {
    const { run, answer } = start(undefined, true);
    await queued();
    await starter.endOverdue(run.runId, "mine");
    expect(await records.status(run.runId)).toMatchObject({ state: "failed" });
    await eventually("the end", () => answer.terminals[0]);
    expect(answer.terminals).toMatchObject([{ failure: { code: "run_timeout" } }]);
    await eventually("an empty queue", async () => (await queues.counts("mine")).waiting === 0);
  });
});

test("a run is queued, followed and ended once", async () => {
  const { run, answer, ended } = start();
  await queued();
  const writer = await attempt(run.runId);
  writer.write({ type: "text", text: "Hello" });
  await writer.end(COMPLETED);
  await eventually("the end", () => ended() === 1);
  expect(answer.text).toBe("Hello");
  expect(answer.terminals).toEqual([COMPLETED]);
  expect(runs.count).toBe(0);
});

describe("cancelling", () => {
  test("at any moment of the submission leaves no job, no open record, and tells the client once", async () => {
    for (let delay = 0; delay < 12; delay += 1) {
      const { run, answer } = start();
      for (let turn = 0; turn < delay; turn += 1) await new Promise(setImmediate);
      run.cancel("client");
      expect(answer.terminals).toEqual([{ type: "cancelled", reason: "client" }]);
      await eventually("the cluster to know", async () => {
        const claim = await records.read(run.runId, BEGINNING);
        const { waiting } = await queues.counts("mine");
        return waiting === 0 && (!claim || claim.entries.at(-1)?.entry.type === "cancelled");
      });
    }
  });

  test("in mid-answer ends the log for everybody and drops what comes after", async () => {
    const { run, answer } = start();
    await queued();
    const writer = await attempt(run.runId);
    writer.write({ type: "text", text: "one" });
    await eventually("the text", () => answer.text === "one");
    run.cancel("client");
    writer.write({ type: "text", text: "two" });
    expect(await writer.end(COMPLETED)).toBe("ended");
    expect(answer.text).toBe("one");
    expect(answer.terminals).toHaveLength(1);
    expect(await lastOfLog(run.runId)).toEqual({ type: "cancelled", reason: "client" });
  });
});

test("a provider's own limit for waiting is kept", async () => {
  const answer = new NotingAnswer();
  starter.begin({
    session: "s",
    messages: [{ role: "user", content: "hi" }],
    provider: "hasty",
    answer,
    onEnded: () => undefined,
  });
  await eventually("the end", () => answer.terminals.length === 1);
  expect(answer.terminals[0]).toMatchObject({ failure: { code: "queue_timeout" } });
  await eventually("an empty queue", async () => (await queues.counts("hasty")).waiting === 0);
});

test("a run that no worker takes ends in time, and leaves the queue", async () => {
  starter = createStarter({ queueTimeoutMs: 200 });
  const { run, answer } = start();
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 2_000 });
  expect(answer.terminals[0]).toMatchObject({
    failure: { code: "queue_timeout", retryable: true },
  });
  await eventually("an empty queue", async () => (await queues.counts("mine")).waiting === 0);
  expect(await lastOfLog(run.runId)).toMatchObject({ failure: { code: "queue_timeout" } });
});

test("a run that moved to another provider waits there as long as that one lets it", async () => {
  const { run, answer } = start();
  await queued();
  const { epoch, runId } = await attempt(run.runId);
  const waiting = () => [...runs.queued()].map(({ waitsFor }) => waitsFor);
  await eventually("the attempt", () => waiting().length === 0);
  await records.move({ runId, epoch, from: "mine", provider: "hasty" });
  await eventually("the move", () => waiting().length === 1);
  expect(waiting()).toEqual(["hasty"]);
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 2_000 });
  expect(answer.terminals[0]).toMatchObject({
    failure: { code: "queue_timeout", message: expect.stringContaining("hasty") },
  });
});

test("an end that was not heard is found in the log", async () => {
  const { run, answer, ended } = start();
  await queued();
  const writer = await attempt(run.runId);
  writer.write({ type: "text", text: "all of it" });
  await eventually("the text", () => answer.text === "all of it");
  // Nothing that follows is published to this edge.
  await fixture.commands.hset(keys.record(run.runId), "edges", "edge-elsewhere");
  await writer.end(COMPLETED);
  await eventually("the end", () => ended() === 1, { withinMs: 4_000 });
  expect([answer.text, answer.terminals]).toEqual(["all of it", [COMPLETED]]);
});

test("a second attempt that says the same goes on behind the curtain", async () => {
  const { run, answer, ended } = start();
  await queued();
  const first = await attempt(run.runId);
  first.write({ type: "text", text: "Hello wor" });
  await eventually("the text", () => answer.text === "Hello wor");
  const second = await attempt(run.runId, "worker-2");
  second.write({ type: "text", text: "Hello " });
  second.write({ type: "text", text: "world!" });
  await second.end(COMPLETED);
  await eventually("the end", () => ended() === 1);
  expect([answer.text, answer.terminals]).toEqual(["Hello world!", [COMPLETED]]);
});

test("a second attempt that differs ends the answer, and its provider is stopped", async () => {
  const { run, answer } = start();
  await queued();
  const first = await attempt(run.runId);
  first.write({ type: "text", text: "Hello world" });
  await eventually("the text", () => answer.text === "Hello world");
  const second = await attempt(run.runId, "worker-2");
  second.write({ type: "text", text: "Hi there" });
  await eventually("the end", () => answer.terminals.length === 1);
  expect(answer.terminals[0]).toEqual({ type: "cancelled", reason: "interrupted" });
  expect(answer.text).toBe("Hello world");
  expect(await second.end(COMPLETED)).toBe("ended");
});

test("a run whose record is gone from Redis ends instead of waiting for ever", async () => {
  const { run, answer } = start();
  await queued();
  await fixture.commands.del(keys.record(run.runId));
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 8_000 });
  expect(answer.terminals[0]).toMatchObject({ failure: { code: "unavailable", retryable: true } });
});

test("with Redis away a request is refused at once, and one on its way ends within 5 s", async () => {
  const { answer } = start();
  fixture.commands.disconnect();
  const refusal = await eventually("the refusal", () => starter.refusal("mine"));
  expect(refusal).toMatchObject({ code: "unavailable", retryable: true });
  await eventually("the end", () => answer.terminals.length === 1, { withinMs: 5_000 });
  expect(answer.terminals[0]).toMatchObject({ failure: { code: "unavailable" } });
  await fixture.commands.connect();
});

test("over the limit of open runs a request is refused as overloaded", async () => {
  starter = createStarter({ maxRuns: 1 });
  start();
  expect(starter.refusal(undefined)).toMatchObject({ code: "overloaded", retryable: true });
});

test("a draining edge refuses, and names no provider it does not know", async () => {
  await starter.drain();
  expect(starter.refusal("mine")).toMatchObject({ code: "draining" });
  expect(starter.refusal("toString")).toMatchObject({
    code: "unknown_provider",
    message: expect.stringContaining("mine"),
  });
});
