/** The keys that are corrected when Redis' clock was set back, and the keys that are left alone. */
import { createLogger } from "@openclaw/runtime";
import { createRedisFixture, type RedisFixture, setClockBack } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { LeaseClock } from "./lease-clock.ts";

const MINUTE_MS = 60_000;

let fixture: RedisFixture;
let clock: LeaseClock;
let setBack: string[];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  setBack = [];
  clock = new LeaseClock({
    redis: fixture.commands,
    keyPrefix: fixture.prefix,
    provider: "a",
    leaseMs: 30_000,
    lookEveryMs: 5_000,
    onSetBack: async (runIds) => void setBack.push(...runIds),
    log: createLogger({ service: "test", level: "silent" }),
  });
});

afterEach(() => fixture.close());

const keyOf = (name: string) => `${fixture.prefix}{queue-a}:runs:${name}`;
const leftOf = (name: string) => fixture.commands.pttl(keyOf(name));

/** A run and a hedge of it at work, as BullMQ keeps them. */
async function atWork(): Promise<void> {
  const { commands } = fixture;
  await commands.rpush(keyOf("active"), "run-1", "run-1-hedge-5");
  await commands.pexpire(keyOf("active"), 10 * MINUTE_MS);
  await commands.set(keyOf("run-1:lock"), "w", "PX", 20_000);
  await commands.set(keyOf("run-1-hedge-5:lock"), "w", "PX", 10_000);
  await commands.set(keyOf("stalled-check"), "1", "PX", 4_000);
}

test("a lease ends when it would have ended, and the look for it is not put off", async () => {
  await atWork();
  await clock.look();
  await setClockBack(fixture.commands, fixture.prefix, MINUTE_MS);
  expect(await leftOf("run-1:lock")).toBeGreaterThan(MINUTE_MS);
  await clock.look();
  expect(await leftOf("run-1:lock")).toBeLessThanOrEqual(20_000);
  expect(await leftOf("run-1-hedge-5:lock")).toBeLessThanOrEqual(10_000);
  expect(await leftOf("stalled-check")).toBeLessThanOrEqual(4_000);
  expect(setBack).toEqual(["run-1"]);
  // The next look finds nothing to correct.
  await clock.look();
  expect(setBack).toEqual(["run-1"]);
});

test("where nobody had looked before, what lasts too long is cut to the longest that it may last", async () => {
  await atWork();
  await setClockBack(fixture.commands, fixture.prefix, MINUTE_MS);
  await clock.look();
  expect(await leftOf("run-1:lock")).toBeLessThanOrEqual(30_000);
  expect(await leftOf("stalled-check")).toBeLessThanOrEqual(5_000);
  expect(setBack).toEqual(["run-1"]);
});

test("leases are left alone while the clock goes on, or was set forward", async () => {
  await atWork();
  for (const byMs of [0, -2_000]) {
    await clock.look();
    await setClockBack(fixture.commands, fixture.prefix, byMs);
    await clock.look();
  }
  expect(setBack).toEqual([]);
});
