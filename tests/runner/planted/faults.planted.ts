/** Faults of every kind that the runner tells apart, as many of each as `PLANTED` says. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";

interface Planted {
  /** Tests that fail every third time that they are run. */
  readonly flaky?: number;
  readonly failing?: number;
  readonly skipped?: number;
  /** A hook throws, every third time that it is run. */
  readonly brokenHook?: boolean;
  readonly unhandled?: boolean;
}

// The test beside this folder writes it.
const planted = JSON.parse(process.env.PLANTED ?? "{}") as Planted;
const directory = process.env.PLANTED_DIRECTORY ?? "";

/** Throws every third time, over all processes. The count begins at two. */
function failEveryThirdTime(name: string): void {
  const path = `${directory}/${name}`;
  let count = 2;
  try {
    count = Number(readFileSync(path, "utf8"));
  } catch {
    // Not run before.
  }
  writeFileSync(path, String(count + 1));
  expect((count + 1) % 3).not.toBe(0);
}

const numbers = (count = 0) => Array.from({ length: count }, (_, index) => index + 1);

describe("planted (with a title that is no pattern)", () => {
  test("steady", () => {
    expect(1 + 1).toBe(2);
  });

  for (const n of numbers(planted.flaky)) test(`flake ${n}?`, () => failEveryThirdTime(`${n}`));
  for (const n of numbers(planted.failing)) test(`failure ${n}`, () => expect("this").toBe("that"));
  for (const n of numbers(planted.skipped)) {
    test(`skipped ${n}`, ({ skip }) => skip("a tool is not installed"));
  }
});

describe("hook", () => {
  beforeAll(() => {
    if (planted.brokenHook) failEveryThirdTime("hook");
  });
  test("steady behind a hook", () => undefined);
});

test("steady, with a rejection that nobody handles", () => {
  if (planted.unhandled) void Promise.reject(new Error("nobody handles this"));
});
