import { eventually } from "@openclaw/testing";
import { describe, expect, test } from "vitest";
import { QueueLimits } from "./queue-limits.ts";
import { jobOf, silent, useQueues } from "./testing/queue-fixture.ts";

const fixture = useQueues();

describe("an account that complains", () => {
  const RESTS: (readonly [string, number])[] = [];

  async function startLimits(rpm?: number): Promise<QueueLimits> {
    const limits = new QueueLimits({
      redis: fixture.redis.commands,
      keyPrefix: fixture.redis.prefix,
      queues: fixture.queues,
      limits: () => ({ a: { maxConcurrency: 10, rpm } }),
      onRest: (...rest) => void RESTS.push(rest),
      log: silent,
    });
    await limits.start();
    fixture.stops.push(() => limits.stop());
    RESTS.length = 0;
    return limits;
  }

  const limitNow = async () => (await fixture.queues.limitOf("a")).maxConcurrency;

  test("that complains now and then keeps some of its limit", async () => {
    const limits = await startLimits();
    for (let n = 0; n < 12; n += 1) {
      await limits.slowDown("a", undefined);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    // Lowered three times, even with no run at work, and raised by one every second.
    await eventually("some of it", async () => ((await limitNow()) ?? 0) >= 2, { withinMs: 500 });
  });

  test("is asked for half of what is at work, once for all complaints of a moment, and for more later", async () => {
    const limits = await startLimits();
    expect(await limitNow()).toBe(10);
    let release: () => void = () => undefined;
    const working = new Promise<void>((resolve) => {
      release = resolve;
    });
    await fixture.startIntake("a", () => working);
    await Promise.all(Array.from({ length: 10 }, () => fixture.queues.add(jobOf("a"))));
    await eventually("work", async () => (await fixture.queues.counts("a")).active >= 8);
    await Promise.all(Array.from({ length: 5 }, () => limits.slowDown("a", 100)));
    const lowered = await limitNow();
    expect(lowered).toBeLessThanOrEqual(5);
    expect(lowered).toBeGreaterThanOrEqual(4);
    await eventually("word of it", () => (limits.inForce("a") ?? 10) < 10, { withinMs: 2_000 });
    release();
    await eventually("the first raise", async () => ((await limitNow()) ?? 0) > (lowered ?? 0), {
      withinMs: 8_000,
    });
  });

  test("is left alone by every worker for as long as the longest complaint says", async () => {
    const limits = await startLimits();
    await limits.slowDown("a", 30_000);
    // Without a word about time, and right behind the other.
    await limits.slowDown("a", 500);
    await eventually("news of it", () => RESTS.length > 0);
    const [provider, forMs = 0] = RESTS[0] ?? [];
    expect([provider, forMs > 25_000, forMs <= 30_000]).toEqual(["a", true, true]);
  });

  test("keeps its runs a minute: complaints do not begin the count anew", async () => {
    const limits = await startLimits(60);
    const begun: number[] = [];
    await fixture.startIntake("a", async () => void begun.push(performance.now()));
    for (let n = 0; n < 20; n += 1) await fixture.queues.add(jobOf("a"));
    const complaining = setInterval(() => void limits.slowDown("a", 500), 300);
    fixture.stops.push(async () => clearInterval(complaining));
    await eventually("a first window", () => begun.length >= 4);
    await eventually("a second one", () => begun.length >= 5, { withinMs: 10_000 });
    // 60 a minute are 4 in 5 s.
    expect((begun[4] ?? 0) - (begun[0] ?? 0)).toBeGreaterThan(4_000);
  });
});
