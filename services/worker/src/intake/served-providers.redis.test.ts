/** The providers of a worker while their configuration changes: real queues, real sockets. */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type GatewayConfig, type GatewayConfigSource, parseGatewayConfig } from "@openclaw/config";
import { QueueLimits, RunIntake, RunQueues } from "@openclaw/queue";
import { createBlockingConnection, createLogger, type RedisClient } from "@openclaw/runtime";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { createProviderClient } from "../provider/provider-client.ts";
import {
  beginStream,
  type FakeProvider,
  startProvider,
  WHOLE_ANSWER,
} from "../testing/fake-provider.ts";
import { ServedProviders } from "./served-providers.ts";

const log = createLogger({ service: "test", level: "silent" });
const EMPTY_MS = 600;

/** A provider whose answers end when the test says so. */
interface Held {
  readonly server: FakeProvider;
  readonly answers: ServerResponse[];
}

async function startHeld(): Promise<Held> {
  const answers: ServerResponse[] = [];
  const server = await startProvider((_request, response) => {
    beginStream(response);
    answers.push(response);
  });
  return { server, answers };
}

class ChangingConfig implements GatewayConfigSource {
  current: GatewayConfig;
  readonly #listeners: (() => void)[] = [];

  constructor(providers: Readonly<Record<string, object>>) {
    this.current = parse(providers);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  change(providers: Readonly<Record<string, object>>): void {
    this.current = parse(providers);
    for (const listener of this.#listeners) listener();
  }
}

const parse = (providers: object) => parseGatewayConfig({ providers }, { source: "test", env: {} });

const at = ({ server }: Held, rest: object = {}) => ({
  kind: "openai",
  baseUrl: `${server.url}/v1`,
  model: "m",
  pool: { warm: 2 },
  ...rest,
});

let fixture: RedisFixture;
let queueing: RedisClient;
let queues: RunQueues;
let limits: QueueLimits;
let gateway: ChangingConfig;
let served: ServedProviders;
let one: Held;
let other: Held;
let ended: string[];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  queueing = createBlockingConnection({ url: fixture.url, name: "test:queue", log });
  await queueing.connect();
  one = await startHeld();
  other = await startHeld();
  ended = [];
});

afterEach(async () => {
  await served.stop();
  await limits.stop();
  await queues.stop();
  queueing.disconnect();
  await fixture.close();
  await Promise.all([one.server.close(), other.server.close()]);
});

async function serve(
  providers: Readonly<Record<string, object>>,
  { mostMs = 10_000 } = {},
): Promise<void> {
  const { commands: redis, prefix: keyPrefix } = fixture;
  gateway = new ChangingConfig(providers);
  queues = new RunQueues({
    redis,
    keyPrefix,
    providers: () => Object.keys(gateway.current.providers),
  });
  limits = new QueueLimits({
    redis,
    keyPrefix,
    queues,
    // A provider's configuration says it in the same words.
    limits: () => gateway.current.providers,
    onRest: () => undefined,
    log,
  });
  served = new ServedProviders({
    gateway,
    limits,
    log,
    createClient: (name, config) => createProviderClient({ name, config, log }),
    createIntake: (intake) =>
      new RunIntake({
        redis: queueing,
        keyPrefix,
        log,
        onUnreadable: async () => undefined,
        ...intake,
      }),
    placesOf: ({ maxConcurrency }) => ({ runs: maxConcurrency, bound: "maxConcurrency" }),
    count: (provider) => queues.counts(provider),
    execute: async ({ runId, messages }, client) => {
      const events = client.stream({ messages }, { signal: AbortSignal.timeout(20_000) });
      for await (const { type } of events) if (type === "finished") ended.push(runId);
    },
    leaving: { emptyMs: EMPTY_MS, mostMs },
  });
  await queues.start();
  await limits.start();
  await served.start();
}

async function ask(provider: string): Promise<string> {
  const runId = randomUUID();
  const messages = [{ role: "user" as const, content: "hi" }];
  await queues.add({ runId, provider, session: "s", messages, fallback: [] });
  return runId;
}

const atWork = ({ answers }: Held, count: number) =>
  eventually(`${count} requests`, () => answers.length === count);

const finish = (response: ServerResponse | undefined) => response?.end(WHOLE_ANSWER.join(""));

const limitInRedis = (provider: string) =>
  fixture.commands.hget(`${fixture.prefix}{queue-${provider}}:runs:meta`, "concurrency");

describe("a changed provider", () => {
  test("has a new client for new runs, and closes the old one behind its last run", async () => {
    await serve({ a: at(one) });
    const first = await ask("a");
    await atWork(one, 1);
    gateway.change({ a: at(other) });
    await eventually("the warm sockets", () => other.server.open.size === 2);
    const second = await ask("a");
    await atWork(other, 1);
    finish(other.answers[0]);
    await eventually("the second run", () => ended.includes(second));
    expect(one.server.open.size).toBeGreaterThan(0);
    finish(one.answers[0]);
    await eventually("the first run", () => ended.includes(first));
    await eventually("the old sockets to close", () => one.server.open.size === 0);
    expect(one.answers).toHaveLength(1);
  });

  test("takes as many runs at once as it may now, and gives none up", async () => {
    await serve({ a: at(one, { maxConcurrency: 1 }) });
    for (let count = 0; count < 6; count += 1) await ask("a");
    await atWork(one, 1);
    gateway.change({ a: at(one, { maxConcurrency: 3 }) });
    await eventually("the limit", async () => (await limitInRedis("a")) === "3");
    finish(one.answers[0]);
    await atWork(one, 4);
    gateway.change({ a: at(one, { maxConcurrency: 1 }) });
    await eventually("the limit", async () => (await limitInRedis("a")) === "1");
    for (const answer of one.answers) finish(answer);
    await atWork(one, 5);
    finish(one.answers[4]);
    await atWork(one, 6);
    finish(one.answers[5]);
    await eventually("every run", () => ended.length === 6);
  });
});

test("a new provider is served, and the others keep their sockets", async () => {
  await serve({ a: at(one) });
  const before = one.server.accepted.length;
  gateway.change({ a: at(one), b: at(other, { maxConcurrency: 7 }) });
  const run = await ask("b");
  await atWork(other, 1);
  expect(await limitInRedis("b")).toBe("7");
  finish(other.answers[0]);
  await eventually("the run", () => ended.includes(run));
  expect(one.server.accepted).toHaveLength(before);
});

test("a run for a provider that is not known yet waits until it is", async () => {
  await serve({ a: at(one) });
  const run = await ask("b");
  gateway.change({ a: at(one), b: at(other) });
  await atWork(other, 1);
  finish(other.answers[0]);
  await eventually("the run", () => ended.includes(run));
});

describe("a removed provider", () => {
  test("answers what it was asked before it is left and its sockets are closed", async () => {
    await serve({ a: at(one), b: at(other, { maxConcurrency: 1 }) });
    const runs = [await ask("b"), await ask("b")];
    await atWork(other, 1);
    gateway.change({ a: at(one) });
    finish(other.answers[0]);
    await atWork(other, 2);
    finish(other.answers[1]);
    await eventually("both runs", () => ended.length === 2);
    expect(new Set(ended)).toEqual(new Set(runs));
    expect(other.server.open.size).toBeGreaterThan(0);
    await eventually("the sockets to close", () => other.server.open.size === 0);
    const late = await ask("b");
    await eventually("the late run", async () => (await queues.counts("b")).waiting === 1);
    await queues.remove("b", late);
  });

  test("that somebody still asks is left after a while, when its run at work has ended", async () => {
    await serve({ a: at(one), b: at(other, { maxConcurrency: 1 }) }, { mostMs: 0 });
    const [first, second] = [await ask("b"), await ask("b")];
    await atWork(other, 1);
    gateway.change({ a: at(one, { maxConcurrency: 9 }) });
    await eventually("the removal", async () => (await limitInRedis("a")) === "9");
    // Behind the one look that it takes at its queue.
    for (let turn = 0; turn < 3; turn += 1) await queues.counts("b");
    finish(other.answers[0]);
    await eventually("the sockets to close", () => other.server.open.size === 0);
    expect(ended).toEqual([first]);
    expect(await queues.waiting("b")).toEqual([second]);
    await queues.remove("b", second);
  });

  test("that is configured again before it was left goes on as if nothing had been", async () => {
    await serve({ a: at(one), b: at(other) });
    const before = other.server.accepted.length;
    for (const maxConcurrency of [8, 9]) {
      gateway.change({ a: at(one, { maxConcurrency }) });
      // Then the change has come as far as the removal.
      const isKnown = async () => (await limitInRedis("a")) === String(maxConcurrency);
      await eventually("the removal", isKnown);
      gateway.change({ a: at(one, { maxConcurrency }), b: at(other) });
    }
    gateway.change({ b: at(other) });
    // By then it would have been left as well.
    await eventually("the other to be left", () => one.server.open.size === 0);
    expect(other.server.accepted).toHaveLength(before);
    const run = await ask("b");
    await atWork(other, 1);
    finish(other.answers[0]);
    await eventually("the run", () => ended.includes(run));
  });

  test("that was left can be added again", async () => {
    await serve({ a: at(one), b: at(other) });
    gateway.change({ a: at(one) });
    await eventually("the sockets to close", () => other.server.open.size === 0);
    gateway.change({ a: at(one), b: at(other) });
    const run = await ask("b");
    await atWork(other, 1);
    finish(other.answers[0]);
    await eventually("the run", () => ended.includes(run));
  });
});

test("a worker that is held takes no run, of a provider that comes then neither, until it takes them again", async () => {
  await serve({ a: at(one) });
  const first = await ask("a");
  await atWork(one, 1);
  served.hold(true);
  gateway.change({ a: at(one), b: at(other) });
  await eventually("the new one to be served", async () => (await limitInRedis("b")) !== null);
  await eventually("its sockets", () => other.server.open.size > 0);
  // A read that was blocked may bring one more.
  const startedAt = performance.now();
  await eventually("the end of such reads", () => performance.now() - startedAt > 1_000);
  const held = [await ask("a"), await ask("b")];
  // What is at work goes on.
  finish(one.answers[0]);
  await eventually("the first run", () => ended.includes(first));
  for (let turn = 0; turn < 50; turn += 1) {
    expect((await queues.counts("a")).waiting + (await queues.counts("b")).waiting).toBe(2);
  }
  served.hold(false);
  await atWork(one, 2);
  await atWork(other, 1);
  finish(one.answers[1]);
  finish(other.answers[0]);
  await eventually("both runs", () => held.every((run) => ended.includes(run)));
});

test("a worker that drains follows no change any more, and its runs end", async () => {
  await serve({ a: at(one) });
  const run = await ask("a");
  await atWork(one, 1);
  const drained = served.drain(AbortSignal.timeout(5_000));
  gateway.change({ b: at(other) });
  finish(one.answers[0]);
  await drained;
  expect(ended).toEqual([run]);
  // As long as a change that is followed takes to be seen.
  for (let turn = 0; turn < 50; turn += 1) expect(await limitInRedis("b")).toBeNull();
  expect(other.server.accepted).toHaveLength(0);
});
