import { expect, test } from "vitest";
import { type Component, LifeCycle } from "./life-cycle.ts";
import { createLogger } from "./log.ts";

const log = createLogger({ service: "test", level: "silent" });

/** Components that note what is called, under their names. */
function components(...names: string[]) {
  const calls: string[] = [];
  const all = names.map((name) => ({
    name,
    start: async () => void calls.push(`start ${name}`),
    drain: async (_signal: AbortSignal) => void calls.push(`drain ${name}`),
    stop: async () => void calls.push(`stop ${name}`),
  }));
  return { calls, all };
}

test("starts in order, drains and stops in reverse", async () => {
  const { calls, all } = components("a", "b");
  const lifeCycle = new LifeCycle(all, log);
  await lifeCycle.start();
  await lifeCycle.drain(1_000);
  await lifeCycle.stop();
  expect(calls).toEqual(["start a", "start b", "drain b", "drain a", "stop b", "stop a"]);
});

test("a failed start releases what it took itself, and what was started before it", async () => {
  const { calls, all } = components("a", "b", "c");
  const failing: Component[] = all.map((one) => ({
    ...one,
    start: one.name === "b" ? () => Promise.reject(new Error("taken")) : one.start,
  }));
  await expect(new LifeCycle(failing, log).start()).rejects.toThrow("taken");
  expect(calls).toEqual(["start a", "stop b", "stop a"]);
});

test("a drain resolves when the work in flight is done", async () => {
  let finish: () => void = () => undefined;
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { all } = components("a");
  const lifeCycle = new LifeCycle(
    all.map((one) => ({ ...one, drain: () => work })),
    log,
  );
  await lifeCycle.start();
  let isDrained = false;
  const draining = lifeCycle.drain(60_000).then(() => {
    isDrained = true;
  });
  await Promise.resolve();
  expect(isDrained).toBe(false);
  finish();
  await draining;
});

test("a drain is told of its deadline, and of a hurry before that", async () => {
  const untilAbort = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  const { all } = components("a");
  const lifeCycle = new LifeCycle(
    all.map((one) => ({ ...one, drain: untilAbort })),
    log,
  );
  await lifeCycle.start();
  await lifeCycle.drain(1);
  const hurry = new AbortController();
  const draining = lifeCycle.drain(60_000, hurry.signal);
  hurry.abort();
  await draining;
});

test("a second stop does nothing, and a stop that fails keeps no other from stopping", async () => {
  const { calls, all } = components("a", "b");
  const failing: Component[] = all.map((one) => ({
    ...one,
    stop: one.name === "b" ? () => Promise.reject(new Error("stuck")) : one.stop,
  }));
  const lifeCycle = new LifeCycle(failing, log);
  await lifeCycle.start();
  await lifeCycle.stop();
  await lifeCycle.stop();
  expect(calls).toEqual(["start a", "start b", "stop a"]);
});
