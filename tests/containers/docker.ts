/** Commands of `docker` itself, which testcontainers does not have. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** On everything that a test starts, so that what a broken test leaves behind can be found. */
export const TEST_LABEL = "org.openclaw.test";

/** Of the images that are tested: built once, for all files. */
export const TEST_TAG = "test";

const run = promisify(execFile);

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly withinMs?: number;
}

/** Runs a command in the root of the repository. @returns what it printed @throws with what it complained of */
export async function command(
  [program, ...args]: readonly [string, ...string[]],
  { env, withinMs = 120_000 }: CommandOptions = {},
): Promise<string> {
  const options = { env: { ...process.env, ...env }, timeout: withinMs, maxBuffer: 2 ** 26 };
  const { stdout } = await run(program, args, options);
  return stdout.trim();
}

export async function docker(...args: string[]): Promise<string> {
  return command(["docker", ...args]);
}

/** The lines that `docker` printed, without empty ones. */
export async function dockerLines(...args: string[]): Promise<string[]> {
  return (await docker(...args)).split("\n").filter(Boolean);
}
