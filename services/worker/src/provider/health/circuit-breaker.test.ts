import type { ErrorCode } from "@openclaw/protocol";
import { eventually } from "@openclaw/testing";
import { afterEach, expect, test } from "vitest";
import { CircuitBreaker } from "./circuit-breaker.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const breakers: CircuitBreaker[] = [];

afterEach(() => {
  for (const breaker of breakers.splice(0)) breaker.stop();
});

function create(probe: (code: ErrorCode) => Promise<void>): CircuitBreaker {
  const breaker = new CircuitBreaker({ provider: "zhipu", probe, log: silent });
  breakers.push(breaker);
  return breaker;
}

const down = () => Promise.reject(new Error("down"));
const opened = (breaker: CircuitBreaker, withinMs = 1_000) =>
  eventually("opening", () => breaker.code, { withinMs });

test("opens when most of the last attempts failed, says why, and closes once that is over", async () => {
  let isDown = true;
  const asked: ErrorCode[] = [];
  const breaker = create((code) => {
    asked.push(code);
    return isDown ? down() : Promise.resolve();
  });
  for (let n = 0; n < 5; n += 1) breaker.failed("first_token_timeout");
  expect(await opened(breaker)).toBe("first_token_timeout");
  await eventually("a look", () => asked.length > 0);
  expect(asked[0]).toBe("first_token_timeout");
  isDown = false;
  await eventually("closing", () => breaker.code === undefined, { withinMs: 10_000 });
});

test("says once that it opened, however many looks fail, and once that it closed, after how long and how many", async () => {
  const lines: { level: string; facts: Record<string, unknown>; message: string }[] = [];
  const at = (level: string) => (facts: unknown, message?: string) =>
    void lines.push({ level, facts: facts as Record<string, unknown>, message: message ?? "" });
  const log = { info: at("info"), warn: at("warn"), error: at("error") };
  let looks = 0;
  const probe = () => {
    looks += 1;
    return looks < 4 ? down() : Promise.resolve();
  };
  const breaker = new CircuitBreaker({ provider: "zhipu", probe, log });
  breakers.push(breaker);
  for (const outage of [1, 2]) {
    looks = 0;
    const openedAt = performance.now();
    for (let n = 0; n < 5; n += 1) breaker.failed("provider_error");
    await opened(breaker);
    await eventually("closing", () => breaker.code === undefined, { withinMs: 30_000 });
    const own = lines.slice(2 * (outage - 1));
    expect(own).toEqual([
      {
        level: "warn",
        facts: { provider: "zhipu", code: "provider_error" },
        message: "circuit opened",
      },
      {
        level: "info",
        facts: {
          provider: "zhipu",
          code: "provider_error",
          openMs: expect.any(Number),
          questions: 4,
        },
        message: "circuit closed",
      },
    ]);
    const { openMs } = own[1]?.facts ?? {};
    expect(openMs).toBeGreaterThan(500);
    expect(openMs).toBeLessThanOrEqual(Math.ceil(performance.now() - openedAt));
  }
});

test("stays closed when fewer than half fail", async () => {
  const breaker = create(down);
  for (let n = 0; n < 20; n += 1) {
    if (n % 3 === 0) breaker.failed("provider_error");
    else breaker.succeeded();
    // Attempts end one after the other, not in one turn of the event loop.
    await Promise.resolve();
  }
  await expect(opened(breaker, 100)).rejects.toThrow();
});

test("looks ever more rarely at a provider that stays down, and no run closes it", async () => {
  const looks: number[] = [];
  const breaker = create(() => {
    looks.push(performance.now());
    return down();
  });
  for (let n = 0; n < 5; n += 1) breaker.failed("provider_error");
  await opened(breaker);
  await eventually("two looks", () => looks.length === 2);
  breaker.succeeded();
  expect(breaker.code).toBe("provider_error");
  await eventually("four looks", () => looks.length === 4, { withinMs: 15_000 });
  const [first = 0, second = 0, third = 0, fourth = 0] = looks;
  expect(fourth - third).toBeGreaterThan(second - first);
});
