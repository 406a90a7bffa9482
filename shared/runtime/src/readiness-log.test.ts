import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ReadinessLog } from "./readiness-log.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("trouble is told once with its reasons, and once that it is over; one that leaves says no more", async () => {
  const lines: [message: string, facts: object][] = [];
  const note = (facts: object, message: string) => void lines.push([message, facts]);
  let troubles: string[] = [];
  const log = new ReadinessLog({ troubles: () => troubles, log: { warn: note, info: note } });
  await log.start();
  vi.advanceTimersByTime(3_000);
  expect(lines).toEqual([]);
  troubles = ["no worker is alive"];
  vi.advanceTimersByTime(3_000);
  troubles = ["redis does not answer in time"];
  vi.advanceTimersByTime(2_000);
  troubles = [];
  vi.advanceTimersByTime(1_000);
  expect(lines).toEqual([
    ["not ready", { reasons: "no worker is alive" }],
    ["not ready", { reasons: "redis does not answer in time" }],
    ["ready again", { afterMs: 5_000 }],
  ]);
  await log.drain();
  troubles = ["draining"];
  vi.advanceTimersByTime(3_000);
  expect(lines).toHaveLength(3);
});
