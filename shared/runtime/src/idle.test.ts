import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Idle } from "./idle.ts";
import { LATE, within } from "./waits.ts";

test("does not wait for an owner that is idle, nor with a signal that has aborted", async () => {
  expect(await within(1_000, new Idle(() => true).wait())).toBeUndefined();
  expect(await within(1_000, new Idle(() => false).wait(AbortSignal.abort()))).toBeUndefined();
});

test("wakes all that wait once the owner is idle, and keeps no listener", async () => {
  let open = 2;
  const idle = new Idle(() => open === 0);
  const { signal } = new AbortController();
  const waiters = Promise.all([idle.wait(signal), idle.wait()]);
  open = 1;
  idle.check();
  expect(await within(1, waiters)).toBe(LATE);
  open = 0;
  idle.check();
  expect(await within(1_000, waiters)).not.toBe(LATE);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("ends the wait of one signal alone", async () => {
  const idle = new Idle(() => false);
  const stop = new AbortController();
  const [stopped, other] = [idle.wait(stop.signal), idle.wait()];
  stop.abort();
  expect(await within(1_000, stopped)).toBeUndefined();
  expect(await within(1, other)).toBe(LATE);
  expect(getEventListeners(stop.signal, "abort")).toEqual([]);
});
