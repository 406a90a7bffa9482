/** Tools that tests run and that are not from npm. `npm test` installs them where it can, see `scripts/bootstrap`. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeEach } from "vitest";

interface Tool {
  readonly name: string;
  /** Succeeds where the tool is installed. */
  readonly probe: readonly [string, ...string[]];
  /** The package of Debian, and that of Homebrew where there is one. */
  readonly apt: string;
  readonly brew?: string;
}

// The shape is that of the file beside this one.
const TOOLS = JSON.parse(readFileSync(new URL("tools.json", import.meta.url), "utf8")) as Tool[];

/**
 * Leaves out the tests of this file, or of the `describe` around the call, where a tool is missing; `npm test` says so.
 *
 * @returns whether all are there, for hooks that would fail without them
 */
export function needs(...names: readonly string[]): boolean {
  const reasons = names.flatMap((name) => reasonsAgainst(name));
  const isMissing = reasons.length > 0;
  beforeEach(({ skip }) => skip(isMissing, reasons.join(", ")));
  return !isMissing;
}

function reasonsAgainst(name: string): string[] {
  const tool = TOOLS.find((one) => one.name === name);
  if (tool === undefined) throw new Error(`tests/tools.json has no ${name}`);
  const [command, ...args] = tool.probe;
  if (spawnSync(command, args, { timeout: 10_000 }).status === 0) return [];
  return [`${name} is not installed (Debian package ${tool.apt})`];
}
