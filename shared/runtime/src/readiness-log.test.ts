import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ReadinessLog } from "./readiness-log.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("trouble is told once with its reasons, and once that it is over, in the same level", async () => {
  const lines: [level: string, message: string, facts: object][] = [];
  const at = (level: string) => (facts: object, message: string) =>
    void lines.push([level, message, facts]);
  let troubles: string[] = [];
  const log = new ReadinessLog({
    troubles: () => troubles,
    log: { warn: at("warn"), info: at("info") },
  });
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
    ["warn", "not ready", { reasons: "no worker is alive" }],
    ["info", "not ready for other reasons", { reasons: "redis does not answer in time" }],
    ["warn", "ready again", { afterMs: 5_000 }],
  ]);
  await log.drain();
});

test("a process that leaves says no more", async () => {
  const lines: string[] = [];
  const note = (_: object, message: string) => void lines.push(message);
  let troubles: string[] = [];
  const log = new ReadinessLog({ troubles: () => troubles, log: { warn: note, info: note } });
  await log.start();
  await log.drain();
  troubles = ["draining"];
  vi.advanceTimersByTime(3_000);
  expect(lines).toEqual([]);
});
