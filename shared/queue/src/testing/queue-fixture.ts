/** Queues of two providers in a Redis of the test's own, and intakes that end with the test. */
import { randomUUID } from "node:crypto";
import { createBlockingConnection, createLogger, type Logger } from "@openclaw/runtime";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, inject } from "vitest";
import { RunIntake, type UnreadableJob } from "../run-intake.ts";
import type { RunJob } from "../run-job.ts";
import { RunQueues } from "../run-queues.ts";

export const silent = createLogger({ service: "test", level: "silent" });

export interface IntakeOptions {
  readonly concurrency?: number;
  readonly log?: Logger;
  readonly url?: string;
  readonly onUnreadable?: (job: UnreadableJob) => Promise<void>;
  readonly onClockSetBack?: (runIds: readonly string[]) => Promise<void>;
}

export interface QueueFixture {
  readonly redis: RedisFixture;
  readonly queues: RunQueues;
  /** Called in reverse order when the test is over. */
  readonly stops: (() => Promise<void>)[];
  startIntake(
    provider: string,
    onRun: (job: RunJob) => Promise<void>,
    options?: IntakeOptions,
  ): Promise<RunIntake>;
}

/** Registers hooks that make a fixture for each test of the file, with the queues "a" and "b". */
export function useQueues(): QueueFixture {
  let redis: RedisFixture;
  let queues: RunQueues;
  const stops: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    redis = await createRedisFixture(inject("redisUrl"));
    queues = new RunQueues({
      redis: redis.commands,
      keyPrefix: redis.prefix,
      providers: () => ["a", "b"],
    });
    await queues.start();
  });

  afterEach(async () => {
    const atWork = async () =>
      (await queues.counts("a")).active + (await queues.counts("b")).active;
    await eventually("nothing at work", async () => (await atWork()) === 0);
    for (const stop of stops.splice(0).reverse()) await stop();
    // A run that was just being taken when its intake stopped was given back.
    for (const runId of await queues.waiting("a")) await queues.remove("a", runId);
    await queues.stop();
    await redis.close();
  });

  return {
    get redis() {
      return redis;
    },
    get queues() {
      return queues;
    },
    stops,
    startIntake: async (provider, onRun, options = {}) => {
      const { url = redis.url, log = silent, ...more } = options;
      const connection = createBlockingConnection({ url, name: "test:intake", log });
      await connection.connect();
      const intake = new RunIntake({
        concurrency: 10,
        onUnreadable: ignore,
        ...{ redis: connection, keyPrefix: redis.prefix, provider, log, onRun },
        ...more,
      });
      await intake.start();
      stops.push(async () => {
        await intake.stop();
        connection.disconnect();
      });
      return intake;
    },
  };
}

export function jobOf(provider: string, runId: string = randomUUID()): RunJob {
  return {
    runId,
    provider,
    session: "s",
    messages: [{ role: "user", content: "hello" }],
    fallback: [],
  };
}

export async function ignore(): Promise<void> {
  // This test looks at something else.
}
