import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { LATE, poll, sleep, untilAborted, within } from "./waits.ts";

const forever = new Promise<never>(() => undefined);
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
const listeners = ({ signal }: AbortController) => getEventListeners(signal, "abort").length;

describe("within", () => {
  test("answers the outcome of work that is done in time, and keeps no timer", async () => {
    const before = timers();
    expect(await within(60_000, Promise.resolve("done"))).toBe("done");
    expect(timers()).toBe(before);
  });

  test("rejects with the work's own error, and keeps no timer", async () => {
    const before = timers();
    await expect(within(60_000, Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(timers()).toBe(before);
  });

  test("answers LATE when the time passes first, and drops a later rejection", async () => {
    // The test run fails for an unhandled rejection.
    const failing = sleep(5).then(() => Promise.reject(new Error("too late")));
    expect(await within(1, failing)).toBe(LATE);
    await sleep(10);
  });
});

describe("untilAborted", () => {
  test("answers the outcome of the work, and keeps no listener", async () => {
    const stop = new AbortController();
    expect(await untilAborted(Promise.resolve(7), stop.signal)).toBe(7);
    await sleep(0);
    expect(listeners(stop)).toBe(0);
  });

  test("rejects with the reason of the signal, also of one that has aborted", async () => {
    const stop = new AbortController();
    const waiting = untilAborted(forever, stop.signal);
    stop.abort(new Error("left"));
    await expect(waiting).rejects.toThrow("left");
    await expect(untilAborted(forever, stop.signal)).rejects.toThrow("left");
    expect(listeners(stop)).toBe(0);
  });
});

describe("sleep", () => {
  test("says whether the whole time passed, and keeps neither timer nor listener", async () => {
    const before = timers();
    const stop = new AbortController();
    expect(await sleep(1, stop.signal)).toBe(true);
    const sleeping = sleep(60_000, stop.signal);
    stop.abort();
    expect(await sleeping).toBe(false);
    expect(await sleep(60_000, stop.signal)).toBe(false);
    expect(timers()).toBe(before);
    expect(listeners(stop)).toBe(0);
  });
});

describe("poll", () => {
  test("answers the first truthy look", async () => {
    let looks = 0;
    const third = () => ++looks === 3 && "there";
    expect(await poll(third, { everyMs: 1, withinMs: 60_000 })).toBe("there");
  });

  test("looks once more after the time, then answers undefined", async () => {
    let looks = 0;
    const never = async () => {
      looks += 1;
      await sleep(2);
      return false;
    };
    expect(await poll(never, { everyMs: 0, withinMs: 1 })).toBeUndefined();
    expect(looks).toBe(2);
  });

  test("ends with its signal, in the middle of a pause", async () => {
    const stop = new AbortController();
    const polling = poll(() => false, { everyMs: 60_000, withinMs: 60_000, signal: stop.signal });
    await sleep(1);
    stop.abort();
    expect(await polling).toBeUndefined();
  });

  test("throws what a look throws", async () => {
    const look = () => Promise.reject(new Error("blind"));
    await expect(poll(look, { everyMs: 1, withinMs: 10 })).rejects.toThrow("blind");
  });
});
