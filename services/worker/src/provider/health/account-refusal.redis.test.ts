/** Many workers, one account, one Redis: who asks the account, and what the others make of it. */
import type { ServerResponse } from "node:http";
import type { ErrorCode } from "@openclaw/protocol";
import { AccountVerdicts } from "@openclaw/queue";
import type { RedisClient } from "@openclaw/runtime";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import {
  answerAll,
  configFor,
  type FakeProvider,
  startProvider,
} from "../../testing/fake-provider.ts";
import { createProviderClient, type ProviderClient } from "../provider-client.ts";
import { accountIdOf } from "./account-refusal.ts";

const WORKERS = 8;
const REFUSED = /left alone until/;
const ACCEPTED = /accepts the account again/;

let fixture: RedisFixture;
let provider: FakeProvider;
/** When each question came, on this process's clock. */
let asked: number[];
let answer: (response: ServerResponse) => void;
/** What all workers have logged. */
let lines: string[];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  asked = [];
  lines = [];
  answer = (response) => answerAll(response.req, response);
  provider = await startProvider((_request, response) => {
    asked.push(performance.now());
    answer(response);
  });
});

afterEach(async () => {
  await provider.close();
  await fixture.close();
});

const refuse = (status: number) => (response: ServerResponse) => {
  response.writeHead(status).end('{"error":{"message":"no"}}');
};

const say = (_facts: unknown, line = "") => void lines.push(line);
const log = { info: say, warn: say, error: say };
const linesOf = (pattern: RegExp) => lines.filter((line) => pattern.test(line));

async function worker(more: object = {}, redis: RedisClient = fixture.commands) {
  const config = configFor(provider.url, { pool: { warm: 0 }, ...more });
  const verdicts = new AccountVerdicts({ redis, keyPrefix: fixture.prefix });
  const verdict = verdicts.of(accountIdOf(config));
  const client = createProviderClient({ name: "fake", config, verdict, log });
  onTestFinished(() => client.stop());
  await client.start();
  return client;
}

const crowd = () => Promise.all(Array.from({ length: WORKERS }, () => worker()));
const isHeldBack = ({ health }: ProviderClient) => health.closed !== undefined;

/** Runs of every worker are refused until `holds`. */
async function refuseRuns(
  workers: readonly ProviderClient[],
  holds: () => boolean,
  code: ErrorCode = "provider_auth",
): Promise<void> {
  const runs = () => {
    for (const { health } of workers) health.failed(code);
    return holds();
  };
  await eventually("what refused runs lead to", runs, { withinMs: 10_000, everyMs: 20 });
}

describe("a run that is refused as if the account were", () => {
  test.each(["provider_auth", "provider_quota", "model_not_found"] as const)(
    "holds nobody up while the account answers a plain question: %s",
    async (code) => {
      const one = await worker();
      await refuseRuns([one], () => asked.length === 2, code);
      expect(one.health.closed).toBeUndefined();
      expect(one.health.report()).toEqual({ state: "available" });
      expect(lines).toEqual([]);
    },
  );

  test("holds runs back once a plain question is refused as well, with what that was refused for", async () => {
    answer = refuse(402);
    const one = await worker();
    await refuseRuns([one], () => isHeldBack(one));
    expect(one.health.closed).toEqual({ code: "provider_quota" });
    expect(one.health.report()).toEqual({ state: "refused", code: "provider_quota" });
    expect([asked.length, lines.length, linesOf(REFUSED).length]).toEqual([1, 1, 1]);
  });

  test.each<readonly [string, (response: ServerResponse) => void]>([
    ["a closed socket", (response) => response.destroy()],
    ["HTTP 500", refuse(500)],
    ["HTTP 503", refuse(503)],
    ["HTTP 422", refuse(422)],
    ["HTTP 429", refuse(429)],
  ])("a question that is answered with %s confirms nothing", async (_, behaviour) => {
    answer = behaviour;
    const one = await worker();
    await refuseRuns([one], () => asked.length === 2);
    // The second question is only asked when the first one is over.
    expect([isHeldBack(one), linesOf(REFUSED)]).toEqual([false, []]);
  });

  test("leads to no question while the account rests", async () => {
    const one = await worker();
    one.health.rest("provider_rate_limited", 500);
    one.health.failed("provider_auth");
    await eventually("the end of the rest", () => !isHeldBack(one));
    expect(asked).toEqual([]);
  });
});

test("many workers ask once a second in sum, however many runs are refused", async () => {
  const workers = await crowd();
  const beganAt = performance.now();
  await refuseRuns(workers, () => asked.length === 4);
  // Each second begins with a question, and the key that keeps the others away expires behind it.
  expect(performance.now() - beganAt).toBeGreaterThan(2_900);
  expect(workers.some(isHeldBack)).toBe(false);
});

test("of many workers one finds out that the account is refused, and says so; the others learn from it", async () => {
  answer = refuse(401);
  const workers = await crowd();
  await refuseRuns(workers, () => workers.every(isHeldBack));
  expect(asked.length).toBeLessThanOrEqual(2);
  expect(linesOf(REFUSED)).toHaveLength(1);
});

test("once it is mended, one worker finds out, and all use it again without anybody's run", async () => {
  answer = refuse(401);
  const workers = await crowd();
  await refuseRuns(workers, () => workers.every(isHeldBack));
  await eventually("a second look", () => asked.length === 2, { withinMs: 5_000 });
  answer = (response) => answerAll(response.req, response);
  const areWell = () => !workers.some(isHeldBack);
  await eventually("all to use it", areWell, { withinMs: 10_000 });
  // Ever more rarely, by all together: after 1 s, after 2 s more.
  expect(asked).toHaveLength(3);
  expect((asked[2] ?? 0) - (asked[1] ?? 0)).toBeGreaterThan(1_900);
  expect([linesOf(REFUSED).length, linesOf(ACCEPTED).length]).toEqual([1, 1]);
}, 30_000);

test("a worker that dies with a question holds up no other: the next second has another one", async () => {
  answer = () => undefined;
  const [dying, other] = [await worker(), await worker()];
  await refuseRuns([dying], () => asked.length === 1);
  await dying.stop();
  answer = refuse(401);
  await refuseRuns([other], () => isHeldBack(other));
  expect(asked).toHaveLength(2);
});

test("without Redis nothing is asked and nobody is held back; what was confirmed before stays", async () => {
  answer = refuse(401);
  const redis = await fixture.connect();
  const [confirmed, fresh] = [await worker({}, redis), await worker({}, redis)];
  await refuseRuns([confirmed], () => isHeldBack(confirmed));
  redis.disconnect();
  let rounds = 0;
  const isEnough = () => {
    rounds += 1;
    return rounds === 20;
  };
  await refuseRuns([fresh], isEnough);
  expect([isHeldBack(confirmed), isHeldBack(fresh), asked.length]).toEqual([true, false, 1]);
  await redis.connect();
  await refuseRuns([fresh], () => isHeldBack(fresh));
});

test("a mended configuration begins again at once, and the key is not to be read in its id", async () => {
  answer = refuse(401);
  const old = await worker({ apiKey: "sk-old-secret" });
  await refuseRuns([old], () => isHeldBack(old));
  expect(isHeldBack(await worker({ apiKey: "sk-new-secret" }))).toBe(false);
  const ids = ["sk-old-secret", "sk-new-secret"].map((apiKey) =>
    accountIdOf(configFor(provider.url, { apiKey })),
  );
  expect(new Set(ids).size).toBe(2);
  expect(accountIdOf(configFor(provider.url, { apiKey: "sk-old-secret", rpm: 7 }))).toBe(ids[0]);
  expect(ids.join()).not.toMatch(/secret|sk-/);
});
