import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startService } from "./service-process.ts";
import { restartDelayMs, SupervisedProcess } from "./supervised-process.ts";
import {
  CRASHES_AT_LENGTH,
  DIES_STARTING,
  NEVER_READY,
  OBEDIENT,
  STUBBORN,
  writeScript,
} from "./testing/fake-service.ts";

let directory: string;
let lines: string[];
const supervised: SupervisedProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "launcher-supervised-"));
  lines = [];
});

afterEach(async () => {
  for (const process of supervised.splice(0)) await process.stop();
  await rm(directory, { recursive: true });
});

async function supervise(code: string, { readyMs = 5_000, graceMs = 5_000 } = {}) {
  const script = await writeScript(directory, "service", code);
  const add = (line: string) => void lines.push(line);
  const options = { name: "edge-1", script, env: process.env, output: { out: add, err: add } };
  const process_ = new SupervisedProcess({
    name: "edge-1",
    launch: (signal) => startService({ ...options, readyMs, graceMs }, signal),
    report: add,
    random: () => 0,
  });
  supervised.push(process_);
  return process_;
}

/** The pids its children told, in order. */
function pids(): readonly number[] {
  return lines.flatMap((line) => /^\[edge-1\] pid (\d+)$/.exec(line)?.[1] ?? []).map(Number);
}

async function pidOf(start: number): Promise<number> {
  await vi.waitUntil(() => pids().length > start, { timeout: 5_000, interval: 10 });
  return pids()[start] ?? 0;
}

describe("a supervised service", () => {
  test("that dies is started again, and one line says so, one that it is up", async () => {
    const edge = await supervise(OBEDIENT);
    await edge.start();
    const first = await pidOf(0);
    process.kill(first, "SIGKILL");
    expect(await pidOf(1)).not.toBe(first);
    const told = () => lines.filter((line) => line.startsWith("edge-1"));
    await vi.waitUntil(() => told().length > 1, { timeout: 5_000 });
    expect(told()).toEqual([
      "edge-1 ended unexpectedly (signal SIGKILL); starting it again in 0.3 s",
      "edge-1 is up again",
    ]);
  });

  test("is tried again, more slowly, when it cannot start again", async () => {
    const edge = await supervise(OBEDIENT);
    await edge.start();
    await writeScript(directory, "service", DIES_STARTING);
    process.kill(await pidOf(0), "SIGKILL");
    const line = await vi.waitUntil(() => lines.find((text) => text.includes("did not start")), {
      timeout: 5_000,
    });
    expect(line).toContain("starting it again in 0.7 s");
    expect(line).toContain("cannot find my shoes");
    await writeScript(directory, "service", OBEDIENT);
    await pidOf(1);
  });

  test("that dies while starting fails the start with its last lines", async () => {
    const edge = await supervise(DIES_STARTING);
    await expect(edge.start()).rejects.toMatchObject({
      code: "child_failed",
      message: "edge-1 ended while starting (exit code 3).\n  cannot find my shoes",
    });
  });

  test("that crashes with a long stack is told with the reason at its head", async () => {
    const edge = await supervise(CRASHES_AT_LENGTH);
    const lines = await edge.start().then(
      () => [],
      ({ message }: Error) => message.split("\n"),
    );
    expect(lines).toHaveLength(1 + 10 + 10 + 1 + 10);
    expect(lines.slice(9, 12)).toEqual([
      "  looking around 28",
      "  looking around 29",
      "  Error: no room at the inn",
    ]);
    expect(lines.slice(20, 23)).toEqual([
      "      at frame 8",
      "  ... 41 lines ...",
      "      at frame 50",
    ]);
    expect(lines.at(-1)).toBe("      at frame 59");
  });

  test("that is not ready in time fails the start and is killed", async () => {
    const edge = await supervise(NEVER_READY, { readyMs: 300 });
    await expect(edge.start()).rejects.toThrow(/^edge-1 was not ready within 0\.3 s\./);
  });

  test("that does not go in time is killed", async () => {
    const edge = await supervise(STUBBORN, { graceMs: 200 });
    const running = await edge.start();
    await edge.stop();
    expect(await running.exited).toBe("signal SIGKILL");
    expect(lines).toContain("[edge-1] will not go");
  });

  test("that is given less time than its grace is killed soon behind that", async () => {
    const edge = await supervise(STUBBORN, { graceMs: 100_000 });
    const running = await edge.start();
    await edge.stop(0);
    expect(await running.exited).toBe("signal SIGKILL");
  });

  test("stopped while it starts leaves nothing and does not come back", async () => {
    const edge = await supervise(NEVER_READY);
    const started = edge.start();
    await edge.stop();
    await expect(started).rejects.toMatchObject({ code: "cancelled" });
    expect(lines).toEqual([]);
  });
});

test("backoff doubles from 0.5 s to 10 s, its last third up to chance", () => {
  const most = [1, 2, 3, 4, 5, 6, 60].map((failures) => restartDelayMs(failures, () => 1));
  expect(most).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(restartDelayMs(1, () => 0)).toBe(333);
});
