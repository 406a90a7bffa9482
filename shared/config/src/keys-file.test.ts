import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { assertKeysWhole } from "./keys-file.ts";
import { ConfigError } from "./problem.ts";
import { readSettings } from "./settings.ts";

let directory: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-keys-"));
  env = { GATEWAY_CONFIG: join(directory, "gateway.config.json") };
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** What is said of a file, where compose gave these values to the process. */
async function problems(file: string, given: NodeJS.ProcessEnv): Promise<readonly string[]> {
  await writeFile(join(directory, "keys.env"), file);
  try {
    assertKeysWhole({ ...env, ...given });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message).toContain(`${join(directory, "keys.env")} cannot be used`);
    expect(error.message).not.toContain("secret");
    return error.problems.map((problem) => problem.split(":", 1).join());
  }
}

// The values are those that Docker Compose 2.26 gives for these lines.
test.each([
  ["KEY=secret$def", { KEY: "secret" }],
  ['KEY="secret$def"', { KEY: "secret" }],
  ["export KEY=secret$def # of mine", { KEY: "secret" }],
  ["KEY: secret$def", { KEY: "secret" }],
  ["KEY=secret$d-x", { KEY: "secret-x" }],
  ["KEY=$secret", { KEY: "" }],
  ["\uFEFFKEY=a$$b$c\r\n", { KEY: "a$b" }],
] as const)("%s: the key has lost a part", async (line, given) => {
  expect(await problems(line, given)).toEqual(["KEY"]);
});

test.each([
  ["KEY='secret$def'", { KEY: "secret$def" }],
  ["KEY=secret$$def", { KEY: "secret$def" }],
  ['KEY="secret\\$def"', { KEY: "secret$def" }],
  ["KEY=secret$1", { KEY: "secret$1" }],
  ["KEY=secret$", { KEY: "secret$" }],
  ["KEY=secret", { KEY: "secret" }],
  ["# KEY=secret$def", { KEY: "secret" }],
  // Said on purpose.
  ["KEY=${OTHER}", { KEY: "secret" }],
  // Given by something else than compose, or not at all.
  ["KEY=secret$def", { KEY: "secret$def" }],
  ["KEY=secret$def", { KEY: "other" }],
  ["KEY=secret$def", {}],
] as const)("%s, given as %j, is what it says", async (line, given) => {
  expect(await problems(line, given)).toEqual([]);
});

test("a process does not start with such a key, and needs no such file", async () => {
  const provider = { kind: "openai", baseUrl: "http://127.0.0.1:1", model: "m", apiKey: "${KEY}" };
  await writeFile(String(env.GATEWAY_CONFIG), JSON.stringify({ providers: { provider } }));
  const given = { ...env, KEY: "secret" };
  const start = () => readSettings(z.object({}), { env: given, prefix: "X_" });
  expect(start).not.toThrow();
  await writeFile(join(directory, "keys.env"), "KEY=secret$def");
  expect(start).toThrow(/keys\.env cannot be used:\n {2}- KEY: .* single quotes/);
});
