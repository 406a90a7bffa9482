import { describe, expect, it } from "vitest";
import { until } from "../../testing/fake-provider.ts";
import { IdleLimit } from "./idle-limit.ts";

const MINUTE_MS = 60_000;

function limitAt(idleMs: number) {
  const clock = { ms: 0 };
  const limit = new IdleLimit({ idleMs, random: () => 1, now: () => clock.ms });
  return { clock, limit };
}

describe("the limit of idle time", () => {
  it("is what is configured until a provider closes a socket sooner, and then is below that", () => {
    const { limit } = limitAt(25_000);
    expect(limit.ms).toBe(25_000);
    expect(limit.closedAfter(10_000)).toBe(true);
    expect(limit.ms).toBe(8_000);
  });

  it("is never above what is configured, nor below a second", () => {
    const { limit, clock } = limitAt(25_000);
    expect(limit.closedAfter(60_000)).toBe(false);
    expect(limit.ms).toBe(25_000);
    clock.ms = 1_000;
    limit.closedAfter(3);
    expect(limit.ms).toBe(1_000);
  });

  it("is what is configured where that is below a second", () => {
    const { limit } = limitAt(200);
    expect(limit.closedAfter(100)).toBe(false);
    expect(limit.ms).toBe(200);
  });

  it("needs 20 minutes to come back to what it saw, and hours to what is configured", () => {
    const { limit, clock } = limitAt(25_000);
    limit.closedAfter(10_000);
    clock.ms = 19 * MINUTE_MS;
    expect(limit.ms).toBeLessThan(10_000);
    clock.ms = 20 * MINUTE_MS;
    expect(limit.ms).toBeGreaterThan(10_000);
    clock.ms = 120 * MINUTE_MS;
    expect(limit.ms).toBe(25_000);
  });

  it("falls again from where it is, and not from where it was", () => {
    const { limit, clock } = limitAt(25_000);
    limit.closedAfter(10_000);
    clock.ms = MINUTE_MS;
    expect(limit.closedAfter(20_000)).toBe(false);
    expect(limit.ms).toBeCloseTo(8_000 * 2 ** (1 / 60));
    expect(limit.closedAfter(5_000)).toBe(false);
    clock.ms += 1_000;
    expect(limit.closedAfter(5_000)).toBe(true);
    expect(limit.ms).toBe(4_000);
  });

  it("hardly falls when a server restarts, which closes the old with the young", () => {
    const { limit, clock } = limitAt(25_000);
    for (const idledMs of [300, 24_000, 9_000]) {
      limit.closedAfter(idledMs);
      clock.ms += 20;
    }
    expect(limit.ms).toBeCloseTo(0.8 * 24_000, -1);
  });
});

describe("watching an idle socket", () => {
  const real = (idleMs: number) => new IdleLimit({ idleMs, random: () => 1 });

  it("calls back once the limit is reached, counted from when it began to idle", async () => {
    const startedAt = performance.now();
    let calledAfterMs = 0;
    real(1_000).watch(() => {
      calledAfterMs = performance.now() - startedAt;
    }, startedAt - 950);
    await until(() => calledAfterMs > 0);
    expect(calledAfterMs).toBeGreaterThan(40);
    expect(calledAfterMs).toBeLessThan(500);
  });

  it("heeds a limit that falls meanwhile", async () => {
    const limit = real(3_600_000);
    let called = false;
    limit.watch(() => {
      called = true;
    }, performance.now() - 5_000);
    limit.closedAfter(5_000);
    await until(() => called);
  });

  it("is over when it is ended, also for a limit that falls later", async () => {
    const limit = real(3_600_000);
    const called: string[] = [];
    const since = performance.now() - 5_000;
    limit.watch(() => called.push("ended"), since).end();
    limit.watch(() => called.push("watched"), since);
    limit.closedAfter(5_000);
    await until(() => called.length > 0);
    expect(called).toEqual(["watched"]);
  });
});
