/** Runs Vitest in a process of its own, and reads what became of every test. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VITEST = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
const REPORTER = fileURLToPath(new URL("outcome-reporter.mjs", import.meta.url));
/** Every test has a time-out of its own; this one is for a runner that hangs. */
const LONGEST_MS = 3 * 60 * 60_000;
/** Vitest gets a Ctrl-C of the terminal as well and cleans up; this process has the last word. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * @param args of `vitest run`
 * @returns what `outcome-reporter.mjs` wrote; undefined where Vitest ended without a report
 */
export async function runVitest(args) {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-test-outcome-"));
  const path = join(directory, "outcome.json");
  const waitForIt = () => undefined;
  for (const signal of SIGNALS) process.on(signal, waitForIt);
  try {
    const reporters = ["--reporter=default", `--reporter=${REPORTER}`];
    const child = spawn(process.execPath, [VITEST, "run", ...reporters, ...args], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, TEST_OUTCOME: path },
      timeout: LONGEST_MS,
    });
    await once(child, "close");
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  } finally {
    for (const signal of SIGNALS) process.off(signal, waitForIt);
    rmSync(directory, { recursive: true, force: true });
  }
}
