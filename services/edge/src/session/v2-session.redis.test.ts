/** The frames of one v2 connection when its requests cross each other and the ends of its runs. */
import { randomUUID } from "node:crypto";
import { type GatewayConfig, parseGatewayConfig } from "@openclaw/config";
import type { V2Down } from "@openclaw/protocol";
import { RunQueues } from "@openclaw/queue";
import {
  Appender,
  DEFAULT_RETENTION,
  RunRecords,
  type RunWriter,
  StreamKeys,
  Subscription,
  type TerminalEntry,
} from "@openclaw/stream";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test, vi } from "vitest";
import { LiveRuns } from "../runs/live-runs.ts";
import type { Connection } from "../socket/connection.ts";
import { createTestRuns, log, NODE, type TestRuns } from "../testing/test-runs.ts";
import { V2Session } from "./v2-session.ts";

const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1, connection: "warm" },
};
const gateway: GatewayConfig = parseGatewayConfig(
  { providers: { mine: { kind: "openai", baseUrl: "http://127.0.0.1:1/v1", model: "m" } } },
  { source: "test", env: {} },
);

/** The other end of a session: keeps its frames, and is full on demand. */
class NotingConnection {
  readonly id = "c";
  readonly session = "s";
  readonly protocol = "v2";
  readonly isOpen = true;
  readonly frames: V2Down[] = [];
  room = Number.POSITIVE_INFINITY;
  drain: () => void = () => undefined;

  onDrain(callback: () => void): void {
    this.drain = callback;
  }

  send(frame: string): boolean {
    this.frames.push(JSON.parse(frame));
    this.room -= frame.length;
    return this.room > 0;
  }

  cork(write: () => void): void {
    write();
  }

  end(): void {
    // Not used here.
  }

  types(): string[] {
    return this.frames.map(({ type }) => type);
  }
}

let fixture: RedisFixture;
let records: RunRecords;
let queues: RunQueues;
let runs: LiveRuns;
let subscription: Subscription;
let appender: Appender;
let parts: TestRuns;
let connection: NotingConnection;
let session: V2Session;

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  const keys = new StreamKeys({ prefix: fixture.prefix, partitions: 1 });
  records = new RunRecords(fixture.commands, keys, { ...DEFAULT_RETENTION, heldMs: 0 });
  queues = new RunQueues({
    redis: fixture.commands,
    keyPrefix: fixture.prefix,
    providers: () => ["mine"],
  });
  await queues.start();
  runs = new LiveRuns({ onUnfollowed: (runId) => parts.readers.leaveUnfollowed(runId) });
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
  parts = createTestRuns({ gateway: { current: gateway }, records, queues, runs });
  connection = new NotingConnection();
  // The session uses no other part of a connection.
  session = new V2Session(connection as unknown as Connection, {
    ...parts,
    limits: { maxMessageBytes: 1_000, maxRuns: 8 },
    graceMs: 10_000,
    reconnectWithinMs: 1_000,
    log,
    onIdle: () => undefined,
    mayRefuse: () => true,
  });
});

afterEach(async () => {
  await runs.stop();
  await parts.announcer.stop();
  await appender.stop();
  await subscription.stop();
  await queues.stop();
  await fixture.close();
});

function say(frame: object): void {
  session.onText(JSON.stringify(frame));
}

/** Begins a run here, and an attempt of it as a worker would. */
async function begin(): Promise<{ runId: string; writer: RunWriter }> {
  say({ type: "run", ref: "r", message: "hi" });
  const accepted = await eventually("the run", () =>
    connection.frames.find((frame) => frame.type === "accepted"),
  );
  const runId = accepted.run;
  await queues.remove("mine", runId);
  return { runId, writer: await attempt(runId) };
}

async function attempt(runId: string): Promise<RunWriter> {
  const claim = await records.claim({
    runId,
    lease: `${runId} here`,
    worker: "worker-1",
    maxAttempts: 2,
    maxLost: 5,
    started: { type: "started", provider: "mine", model: "m" },
    exhausted: { type: "cancelled", reason: "client" },
    lost: { type: "cancelled", reason: "client" },
    overdue: { type: "cancelled", reason: "client" },
  });
  if (claim.outcome !== "claimed") throw new Error(claim.outcome);
  return appender.open({ runId, epoch: claim.epoch, onLost: () => undefined });
}

const heard = (type: V2Down["type"]) =>
  eventually(`a ${type}`, () => connection.types().includes(type));
const BEGINNING = { epoch: 0, seq: 0 };

test("a cancel that crosses the end of its run gets no answer; a cancel of an unknown run gets an error without a run", async () => {
  const { runId, writer } = await begin();
  writer.write({ type: "text", text: "all of it" });
  await writer.end(COMPLETED);
  await heard("done");
  const before = connection.frames.length;
  say({ type: "cancel", run: runId });
  expect(connection.frames).toHaveLength(before);
  say({ type: "cancel", run: "nobody" });
  await heard("error");
  expect(connection.frames.at(-1)).toMatchObject({ type: "error", code: "unknown_run" });
  expect(connection.frames.at(-1)).not.toHaveProperty("run");
});

test("a cancel right behind a resume ends the run", async () => {
  const runId = "from-elsewhere";
  await records.create({ runId, edge: "edge-2", provider: "mine", session: "s" });
  const writer = await attempt(runId);
  writer.write({ type: "text", text: "one" });
  say({ type: "resume", run: runId, after: BEGINNING });
  say({ type: "cancel", run: runId });
  await heard("cancelled");
  expect(connection.types().filter((type) => type === "cancelled")).toHaveLength(1);
  await eventually("the end for its worker", async () => (await writer.end(COMPLETED)) === "ended");
});

test("a run of this session is cancelled without a resume, and a run of another session is not", async () => {
  for (const [owner, outcome] of [
    ["s", "cancelled"],
    ["another", "error"],
  ] as const) {
    const runId = `of-${owner}`;
    await records.create({ runId, edge: "edge-2", provider: "mine", session: owner });
    const writer = await attempt(runId);
    say({ type: "cancel", run: runId });
    await heard(outcome);
    expect(await writer.end(COMPLETED)).toBe(owner === "s" ? "ended" : "appended");
  }
});

test("a cancel behind a refused resume ends the run", async () => {
  const runId = "from-elsewhere";
  await records.create({ runId, edge: "edge-2", provider: "mine", session: "s" });
  const writer = await attempt(runId);
  say({ type: "resume", run: runId, after: { epoch: 2 ** 42, seq: 1 } });
  say({ type: "cancel", run: runId });
  await heard("cancelled");
  expect(connection.types()).toEqual(["ready", "resumed", "cancelled"]);
  await eventually("the end for its worker", async () => (await writer.end(COMPLETED)) === "ended");
});

test("a cancel and a resume at once, in whichever order, end the run once for each", async () => {
  const runId = "from-elsewhere";
  await records.create({ runId, edge: "edge-2", provider: "mine", session: "s" });
  const writer = await attempt(runId);
  writer.write({ type: "text", text: "one" });
  say({ type: "cancel", run: runId });
  say({ type: "cancel", run: runId });
  say({ type: "resume", run: runId, after: BEGINNING });
  await heard("resumed");
  await eventually("its end", () => connection.types().at(-1) === "cancelled");
  await eventually("the end for its worker", async () => (await writer.end(COMPLETED)) === "ended");
  const behind = connection.types().slice(connection.types().indexOf("resumed"));
  expect(behind.filter((type) => type === "cancelled")).toHaveLength(1);
});

test("a run that is resumed on its own connection is read to its end by a slow client, and can be cancelled", async () => {
  const { runId, writer } = await begin();
  const piece = (index: number) => `${index} `.padEnd(16_000, ".");
  for (let index = 0; index < 20; index += 1) {
    writer.write({ type: "text", text: piece(index) });
    await writer.flush();
  }
  await eventually(
    "all pieces",
    () => connection.types().filter((t) => t === "delta").length >= 20,
  );
  const before = connection.frames.length;
  connection.room = 64 * 1024;
  say({ type: "resume", run: runId, after: BEGINNING });
  await eventually("a full connection", () => connection.room <= 0);
  await writer.end(COMPLETED);
  // The earlier reader gets the end first.
  await eventually("one reader", () => runs.count === 1);
  expect(session.isIdle).toBe(false);
  connection.room = Number.POSITIVE_INFINITY;
  connection.drain();
  await heard("done");
  const frames = connection.frames.slice(before);
  const text = frames.map((frame) => (frame.type === "delta" ? frame.text : "")).join("");
  expect(text).toBe(Array.from({ length: 20 }, (_, index) => piece(index)).join(""));
  expect(session.isIdle).toBe(true);
});

test("a client that resumes the same run over and over is one reader, not many", async () => {
  const { runId, writer } = await begin();
  writer.write({ type: "text", text: "some" });
  for (let times = 1; times <= 20; times += 1) {
    say({ type: "resume", run: runId, after: BEGINNING });
    await eventually(
      "another resumption",
      () => connection.types().filter((type) => type === "resumed").length === times,
    );
  }
  // The reader that began the run, so that the run is counted, and the last reader.
  expect(runs.count).toBe(2);
  say({ type: "cancel", run: runId });
  await heard("cancelled");
  expect(connection.types().filter((type) => type === "cancelled")).toHaveLength(1);
});

test("a client may choose the id of a run, and an id is used once, here or on another edge", async () => {
  const [mine, theirs] = [randomUUID(), randomUUID()];
  await records.create({ runId: theirs, edge: "edge-2", provider: "mine", session: "s" });
  const writer = await attempt(theirs);
  say({ type: "run", ref: "1", run: mine, message: "hi" });
  say({ type: "run", ref: "2", run: mine, message: "hi" });
  say({ type: "run", ref: "3", run: theirs, message: "hi" });
  const refused = () => connection.frames.filter(({ type }) => type === "error");
  await eventually("both refusals", () => refused().length === 2);
  await heard("accepted");
  expect(refused()).toMatchObject([
    { ref: "2", code: "invalid_request" },
    { ref: "3", code: "invalid_request" },
  ]);
  expect(connection.frames).toContainEqual({ type: "accepted", ref: "1", run: mine });
  // The run with that id goes on.
  expect(await writer.end(COMPLETED)).toBe("appended");
  expect(await queues.waiting("mine")).toEqual([mine]);
  say({ type: "cancel", run: mine });
  await eventually("its job to go", async () => (await queues.waiting("mine")).length === 0);
});

test("a refused id may be asked for again, here or on the edge of the first run", async () => {
  const [free, theirs] = [randomUUID(), randomUUID()];
  await records.create({ runId: theirs, edge: "edge-2", provider: "mine", session: "s" });
  const writer = await attempt(theirs);
  const create = vi.spyOn(records, "create").mockRejectedValue(new Error("no answer"));
  say({ type: "run", ref: "1", run: free, message: "hi" });
  say({ type: "run", ref: "2", run: theirs, message: "hi" });
  const refused = () => connection.frames.filter(({ type }) => type === "error");
  await eventually("both refusals", () => refused().length === 2);
  create.mockRestore();

  say({ type: "cancel", run: theirs });
  await heard("cancelled");
  expect(await writer.end(COMPLETED)).toBe("ended");

  say({ type: "resume", run: free, after: BEGINNING });
  await heard("resumed");
  expect(connection.frames.at(-1)).toMatchObject({ reason: "unknown_run" });
  say({ type: "run", ref: "3", run: free, message: "hi" });
  await heard("accepted");
  // Each was tried for some seconds, at different moments.
  expect(refused()).toEqual(
    expect.arrayContaining(
      ["1", "2"].map((ref) => expect.objectContaining({ ref, code: "unavailable" })),
    ),
  );
  expect(await queues.waiting("mine")).toEqual([free]);
  say({ type: "cancel", run: free });
  await eventually("its job to go", async () => (await queues.waiting("mine")).length === 0);
  say({ type: "run", ref: "4", run: free, message: "hi" });
  expect(refused()[2]).toMatchObject({ ref: "4", code: "invalid_request" });
});

test("a run whose edge died before queuing it is queued when its client asks again", async () => {
  const runId = randomUUID();
  await records.create({ runId, edge: "edge-dead", provider: "mine", session: "s" });
  say({ type: "run", ref: "1", run: runId, message: "hi" });
  await heard("error");
  expect(connection.frames.at(-1)).toMatchObject({ ref: "1", code: "invalid_request" });
  expect(await queues.waiting("mine")).toEqual([runId]);
  say({ type: "resume", run: runId, after: BEGINNING });
  await heard("resumed");
  say({ type: "cancel", run: runId });
  await eventually("its job to go", async () => (await queues.waiting("mine")).length === 0);
});

test("the id of another session's or connection's run gives nothing of that run", async () => {
  const { runId, writer } = await begin();
  writer.write({ type: "text", text: "secret" });
  const theirs = new NotingConnection();
  const other = new V2Session(theirs as unknown as Connection, {
    ...parts,
    limits: { maxMessageBytes: 1_000, maxRuns: 8 },
    graceMs: 10_000,
    reconnectWithinMs: 1_000,
    log,
    onIdle: () => undefined,
    mayRefuse: () => true,
  });
  other.onText(JSON.stringify({ type: "run", ref: "1", run: runId, message: "hi" }));
  await eventually("the refusal", () => theirs.types().includes("error"));
  expect(theirs.types()).toEqual(["ready", "error"]);
  expect(await writer.end(COMPLETED)).toBe("appended");
  await heard("done");
  expect(await queues.waiting("mine")).toEqual([]);
});

test("a run of another session is resumed and cancelled by a client that names that session", async () => {
  const runId = "of-another";
  await records.create({ runId, edge: "edge-2", provider: "mine", session: "another" });
  const writer = await attempt(runId);
  writer.write({ type: "text", text: "one" });
  say({ type: "resume", run: runId, after: BEGINNING });
  await heard("resumed");
  expect(connection.frames.at(-1)).toMatchObject({ outcome: "not_resumable" });
  say({ type: "resume", run: runId, after: BEGINNING, session: "another" });
  await heard("delta");
  say({ type: "cancel", run: runId });
  await heard("cancelled");
});
