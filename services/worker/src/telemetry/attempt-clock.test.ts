import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AttemptClock } from "./attempt-clock.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const text = (writtenAt: number, followsReasoning: boolean) => ({ writtenAt, followsReasoning });

test("the phases of an attempt add up to its way to the first text", () => {
  const heldAt = performance.now();
  const clock = new AttemptClock(3.5);
  vi.advanceTimersByTime(50);
  clock.headers("cold", heldAt + 20);
  vi.advanceTimersByTime(300);
  clock.token();
  vi.advanceTimersByTime(1_000);
  const spoken = { ...text(performance.now(), true), publishedAt: performance.now() + 2 };
  expect(clock.phases(spoken)).toEqual({
    pick_up: 3.5,
    connect: 20,
    response_headers: 30,
    first_token: 300,
    thinking: 1_000,
    publish: 2,
  });
  expect(clock.read()).toMatchObject({ pickUpMs: 4, requestSentMs: 20, headersMs: 50 });
});

test("a phase that did not come to its end is absent, and who does not think has no such phase", () => {
  const clock = new AttemptClock();
  expect(clock.phases(undefined)).toEqual({ no_text: 0 });
  clock.headers("warm", performance.now());
  clock.token();
  const { thinking, publish, first_token } = clock.phases(text(performance.now(), false));
  expect({ thinking, publish, first_token }).toEqual({ first_token: 0 });
});

test("what an attempt took that brought no text is in its phases as well, to its end or its hedge", () => {
  const clock = new AttemptClock(3);
  vi.advanceTimersByTime(700);
  expect(clock.phases(undefined)).toEqual({ pick_up: 3, no_text: 700 });
  clock.headers("warm", performance.now());
  vi.advanceTimersByTime(100);
  clock.hedged();
  vi.advanceTimersByTime(100);
  expect(clock.phases(undefined)).toMatchObject({
    connect: 700,
    response_headers: 0,
    no_text: 100,
  });
});
