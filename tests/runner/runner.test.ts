/** `npm test` judges its own run: against tests that fail in every way, in Vitest itself. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";

const CONFIG = "tests/runner/planted/vitest.config.ts";
const NAME = "planted (with a title that is no pattern)";

interface Judged {
  readonly code: number;
  readonly output: string;
  /** What the summary says of each section, in lines. */
  readonly section: (title: string) => string[];
  /** The last line. */
  readonly counts: string;
}

async function judge(planted: Record<string, unknown>): Promise<Judged> {
  const directory = await mkdtemp(join(tmpdir(), "openclaw-test-runner-"));
  const { VITEST, VITEST_POOL_ID, VITEST_WORKER_ID, VITEST_MODE, ...own } = process.env;
  const env = { ...own, PLANTED: JSON.stringify(planted), PLANTED_DIRECTORY: directory };
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    const args = ["scripts/test.mjs", `--config=${CONFIG}`];
    const child = execFile(process.execPath, args, { env, timeout: 100_000 }, (_, stdout) =>
      resolve({ code: child.exitCode ?? -1, output: stripVTControlCharacters(stdout) }),
    );
  });
  await rm(directory, { recursive: true });
  const section = (title: string) => {
    const [, after = ""] = output.split(`\n${title}:\n`);
    return after.split("\n\n", 1).join().split("\n");
  };
  return { code, output, section, counts: output.trimEnd().split("\n").at(-1) ?? "" };
}

test("a run in which all passes", async () => {
  const { code, counts, output } = await judge({});
  expect([code, counts]).toEqual([0, "3 passed, 0 failed"]);
  expect(output).not.toMatch(/Flaky|Failed|Left out/);
});

test("a test that fails every third time is named as flaky, and counted apart", async () => {
  const { code, section, output, counts } = await judge({ flaky: 1 });
  expect(section("Flaky: failed, then passed alone")).toEqual([
    `  planted > faults.planted.ts > ${NAME} > flake 1?`,
    expect.stringContaining("AssertionError"),
    expect.anything(),
    expect.anything(),
  ]);
  expect(output).toContain("\nflaky: 1\n");
  expect([code, counts]).toEqual([0, "3 passed, 0 failed"]);
});

test("more than two flaky tests fail the run", async () => {
  expect(await judge({ flaky: 2 })).toMatchObject({ code: 0, counts: "3 passed, 0 failed" });
  expect(await judge({ flaky: 3 })).toMatchObject({ code: 1, counts: "3 passed, 3 failed" });
});

test("a test that fails again is a failure, told with what it says", async () => {
  const { code, section, counts } = await judge({ failing: 1, flaky: 1 });
  expect(section("Failed").slice(0, 2)).toEqual([
    `  planted > faults.planted.ts > ${NAME} > failure 1`,
    expect.stringContaining("expected 'this' to be 'that'"),
  ]);
  expect([code, counts]).toEqual([1, "3 passed, 1 failed"]);
});

test("many failures are not tried again", async () => {
  const { code, output, counts } = await judge({ failing: 11 });
  expect(output).not.toContain("Once more, alone");
  expect([code, counts]).toEqual([1, "3 passed, 11 failed"]);
});

test("a hook that fails is run again with its whole file", async () => {
  const { code, section, counts } = await judge({ brokenHook: true });
  expect(section("Flaky: failed, then passed alone")[0]).toBe("  planted > faults.planted.ts");
  expect([code, counts]).toEqual([0, "2 passed, 0 failed"]);
});

test("an error outside of tests is a failure", async () => {
  const { code, section, counts } = await judge({ unhandled: true });
  expect(section("Failed").join("\n")).toContain("nobody handles this");
  expect([code, counts]).toEqual([1, "3 passed, 1 failed"]);
});

test("tests that are left out are named, one line for each reason", async () => {
  const { code, section, counts } = await judge({ skipped: 2 });
  expect(section("Left out")).toEqual(["  2 tests of faults.planted.ts: a tool is not installed"]);
  expect([code, counts]).toEqual([0, "3 passed, 0 failed, 2 skipped"]);
});
