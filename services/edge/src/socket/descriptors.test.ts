import { expect, test } from "vitest";
import { Descriptors } from "./descriptors.ts";

/** A process with a limit of its own, and its open descriptors. */
function processWith(limit: number | undefined, open = 30) {
  const state = { open, ms: 0, counted: 0 };
  const descriptors = new Descriptors({
    limit,
    count: () => {
      state.counted += 1;
      return state.open;
    },
    now: () => state.ms,
  });
  descriptors.begin();
  state.counted = 0;
  const accept = () => {
    state.open += 1;
    if (descriptors.opened()) return true;
    descriptors.closed();
    state.open -= 1;
    return false;
  };
  const acceptAll = () => {
    let accepted = 0;
    while (accepted < 100_000 && accept()) accepted += 1;
    return accepted;
  };
  return { state, descriptors, acceptAll };
}

test("a reserve is left for everything except clients", () => {
  const { acceptAll, descriptors } = processWith(1_024);
  expect(descriptors.most).toBe(896);
  expect(acceptAll()).toBe(896);
});

test("half of a very low limit is for clients", () => {
  expect(processWith(64).acceptAll()).toBe(32);
});

test("released room can be taken again", () => {
  const { acceptAll, descriptors, state } = processWith(1_024);
  acceptAll();
  for (let gone = 0; gone < 10; gone += 1) descriptors.closed();
  state.open -= 10;
  expect(acceptAll()).toBe(10);
});

test("sockets whose close was not reported are found by counting, once a second", () => {
  const { acceptAll, state } = processWith(1_024);
  acceptAll();
  state.open -= 100;
  expect(acceptAll()).toBe(0);
  expect(state.counted).toBe(1);
  state.ms += 1_000;
  expect(acceptAll()).toBe(100);
  expect(state.counted).toBe(2);
});

test("without a known limit all are accepted", () => {
  expect(processWith(undefined).acceptAll()).toBe(100_000);
});

test("the limit of this process is known", () => {
  const { most } = Descriptors.ofProcess();
  expect(most).toBeGreaterThan(0);
});
