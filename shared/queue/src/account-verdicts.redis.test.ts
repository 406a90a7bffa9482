import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { AccountVerdicts } from "./account-verdicts.ts";

let fixture: RedisFixture;
/** Of two workers. */
let one: AccountVerdicts;
let other: AccountVerdicts;

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  const options = { redis: fixture.commands, keyPrefix: fixture.prefix };
  one = new AccountVerdicts(options);
  other = new AccountVerdicts(options);
});

afterEach(() => fixture.close());

test("of many workers that want to ask at once, one may, and another one once that time is over", async () => {
  const asked = () => Promise.all([one, other, one, other].map((all) => all.of("a").mayAsk(300)));
  expect((await asked()).filter(Boolean)).toHaveLength(1);
  expect((await asked()).filter(Boolean)).toHaveLength(0);
  expect(await one.of("b").mayAsk(300)).toBe(true);
  await eventually("the next question", () => other.of("a").mayAsk(300));
});

test("what one worker has found out the others read, until the account is accepted again", async () => {
  const refused = { code: "provider_auth", waitMs: 2_000 };
  expect(await other.of("a").read()).toBeUndefined();
  await one.of("a").refused(refused);
  expect(await other.of("a").read()).toEqual(refused);
  expect(await other.of("b").read()).toBeUndefined();
  await other.of("a").accepted();
  expect(await one.of("a").read()).toBeUndefined();
  // It was asked just now.
  expect(await one.of("a").mayAsk(1)).toBe(false);
});

test("every key expires by itself, and a value of another version says nothing", async () => {
  await one.of("a").mayAsk(1_000);
  await one.of("a").refused({ code: "provider_quota", waitMs: 300_000 });
  const keys = await fixture.commands.keys(`${fixture.prefix}*`);
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(await fixture.commands.pttl(key)).toBeGreaterThan(0);
  const [key = ""] = keys.filter((name) => name.endsWith("refused"));
  await fixture.commands.set(key, '{"v":2}', "PX", 1_000);
  expect(await one.of("a").read()).toBeUndefined();
});
