import { eventually } from "@openclaw/testing";
import { afterEach, expect, test } from "vitest";
import { CircuitBreaker } from "./circuit-breaker.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const breakers: CircuitBreaker[] = [];

afterEach(() => {
  for (const breaker of breakers.splice(0)) breaker.stop();
});

function create(probe: () => Promise<void>): CircuitBreaker {
  const breaker = new CircuitBreaker({ provider: "zhipu", probe, log: silent });
  breakers.push(breaker);
  return breaker;
}

const down = () => Promise.reject(new Error("down"));
const opened = (breaker: CircuitBreaker, withinMs = 1_000) =>
  eventually("opening", () => !breaker.isClosed, { withinMs });

test("opens when most of the last attempts failed, says why, and closes once the provider answers", async () => {
  let isDown = true;
  const breaker = create(() => (isDown ? down() : Promise.resolve()));
  for (let n = 0; n < 5; n += 1) breaker.failed("provider_unreachable");
  await opened(breaker);
  expect(breaker.code).toBe("provider_unreachable");
  isDown = false;
  await eventually("closing", () => breaker.isClosed, { withinMs: 10_000 });
  expect(breaker.code).toBeUndefined();
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

test("looks ever more rarely at a provider that stays down, and spends no run on it", async () => {
  let looks = 0;
  const breaker = create(() => {
    looks += 1;
    return down();
  });
  for (let n = 0; n < 5; n += 1) breaker.failed("provider_error");
  await opened(breaker);
  await eventually("two looks", () => looks === 2);
  breaker.succeeded();
  expect(breaker.isClosed).toBe(false);
  expect(looks).toBe(2);
});

test("an account that was refused is left alone for as long as it was told, then tried", async () => {
  const breaker = create(down);
  breaker.disable("provider_auth", 300);
  expect([breaker.isClosed, breaker.code]).toEqual([false, "provider_auth"]);
  await eventually("another try", () => breaker.isClosed);
});
