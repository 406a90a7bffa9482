/** What a provider account may be asked for holds over the whole cluster, whatever it turns out to be. */
import { answerFor, directive } from "@openclaw/simulator";
import { eventually, type V2Client, type V2Run } from "@openclaw/testing";
import { Redis } from "ioredis";
import { expect, inject } from "vitest";
import { type OneProvider, test } from "./one-provider.ts";

interface Asked {
  readonly client: V2Client;
  readonly run: V2Run;
  readonly prompt: string;
}

async function ask({ client }: OneProvider, seed: number, words = 5): Promise<Asked> {
  const prompt = directive({ words, gapMs: 20, seed });
  return { client, prompt, run: await client.run(prompt) };
}

async function expectWhole({ client, run, prompt }: Asked): Promise<void> {
  expect(await client.end(run, 60_000)).toMatchObject({ type: "done" });
  expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
}

test("4 workers, 5 runs at once, 300 asked for together: the provider never sees a sixth, all are done", async ({
  start,
}) => {
  const gateway = await start({ maxConcurrency: 5 }, { workers: 4 });
  const asked = await Promise.all(Array.from({ length: 300 }, (_, seed) => ask(gateway, seed)));
  await Promise.all(asked.map(expectWhole));
  expect(gateway.simulator.stats().total).toMatchObject({
    requests: 300,
    completed: 300,
    maxActive: 5,
  });
});

// From here on they mostly wait, and so they do it together, the longest first.
test.concurrent("an account that takes less than configured is asked for less, and for all of it again later", async ({
  start,
  onTestFinished,
}) => {
  const gateway = await start({ maxConcurrency: 20 }, { workers: 2 });
  gateway.simulator.setFaults({ concurrency: { zhipu: 4 } });
  const asked = await Promise.all(Array.from({ length: 60 }, (_, seed) => ask(gateway, seed, 20)));
  const redis = new Redis(inject("redisUrl"));
  onTestFinished(() => redis.disconnect());
  // As BullMQ keeps it: what the whole cluster goes by.
  const key = `${gateway.cluster.keyPrefix}{queue-zhipu}:runs:meta`;
  const limitNow = async () => Number(await redis.hget(key, "concurrency"));
  const lowered = await eventually("fewer at once", async () => {
    const limit = await limitNow();
    return limit < 20 && limit;
  });
  expect(lowered).toBeLessThanOrEqual(10);
  const ends = await Promise.all(asked.map(({ client, run }) => client.end(run, 60_000)));
  const { requests } = gateway.simulator.stats().total;
  // No account is tried a third time.
  expect(requests).toBeLessThanOrEqual(2 * asked.length);
  const done = ends.filter(({ type }) => type === "done").length;
  console.log(
    `limit of 4 instead of 20: ${done} of 60 done, ${requests} requests, down to ${lowered}`,
  );
  gateway.simulator.setFaults({});
  await eventually("the whole limit", async () => (await limitNow()) === 20, { withinMs: 30_000 });
  await Promise.all((await Promise.all([ask(gateway, 100), ask(gateway, 101)])).map(expectWhole));
});

test.concurrent("runs a minute: begun no sooner than the account allows", async ({ start }) => {
  // One every 3 s.
  const gateway = await start({ rpm: 20 }, { workers: 2 });
  const beganAt = performance.now();
  const asked = await Promise.all(Array.from({ length: 3 }, (_, seed) => ask(gateway, seed, 1)));
  await Promise.all(asked.map(expectWhole));
  expect(performance.now() - beganAt).toBeGreaterThan(2 * 3_000);
});

test.concurrent("an account that complains is asked once more when it said, while the user is told to wait", async ({
  start,
}) => {
  const gateway = await start({});
  gateway.simulator.setFaults({
    burst: { status: 429, requests: 1, every: 1_000, retryAfterS: 2 },
  });
  const beganAt = performance.now();
  const asked = await ask(gateway, 1);
  await expectWhole(asked);
  expect(performance.now() - beganAt).toBeGreaterThan(2_000);
  expect(gateway.simulator.stats().total.requests).toBe(2);
  const frames = gateway.client.frames.filter(
    (frame) => "run" in frame && frame.run === asked.run.id,
  );
  expect(frames.map(({ type }) => type)).toContain("queued");
});

test.concurrent("one that complains for longer than a user should wait says so to the user, who may come back then", async ({
  start,
}) => {
  const gateway = await start({});
  gateway.simulator.setFaults({
    burst: { status: 429, requests: 1, every: 1_000, retryAfterS: 60 },
  });
  const { run } = await ask(gateway, 1);
  expect(await gateway.client.end(run)).toMatchObject({
    type: "error",
    code: "provider_rate_limited",
    retryable: true,
    retryAfterMs: 60_000,
  });
  expect(gateway.simulator.stats().total.requests).toBe(1);
});
