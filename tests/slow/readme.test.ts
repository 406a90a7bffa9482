/** The examples of docs/getting-started.md, run as they stand there, and the commands that it and the README name. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { answerFor } from "@openclaw/simulator";
import { freePort } from "@openclaw/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LaunchedGateway } from "../e2e/launched-gateway.ts";

const run = promisify(execFile);
const START = "docs/getting-started.md";
const start = readFileSync(START, "utf8");
let directory = "";
let gateway: LaunchedGateway;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-readme-"));
  gateway = await LaunchedGateway.start([process.execPath, "services/launcher/dist/main.js"], {
    cwd: process.cwd(),
    port: await freePort(),
  });
});

afterAll(async () => {
  await gateway?.interrupt();
  await rm(directory, { recursive: true, force: true });
});

/** The one code block of a language that talks to the gateway, aimed at the one of this test. */
async function example(language: string, fileName: string): Promise<string> {
  const blocks = [...start.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"))];
  const [block] = blocks.map((match) => match[1] ?? "").filter((code) => code.includes("ws://"));
  if (!block) throw new Error(`${START} has no ${language} example`);
  const path = join(directory, fileName);
  await writeFile(path, block.replaceAll("127.0.0.1:8001", `127.0.0.1:${gateway.port}`));
  return path;
}

const EXPECTED = answerFor({ prompt: "Why is the sky blue?", profile: "zhipu" });

/** Node 22 has WebSocket built in; Node 20 has it behind this flag. */
const WITH_WEBSOCKET = process.versions.node.startsWith("20.") ? ["--experimental-websocket"] : [];

test("the JavaScript conversation prints the answer and its end", async () => {
  const path = await example("js", "conversation.mjs");
  const { stdout } = await run(process.execPath, [...WITH_WEBSOCKET, path], { timeout: 30_000 });
  expect(stdout).toContain(EXPECTED);
  expect(stdout.trimEnd()).toMatch(/done/);
});

test("the SDK's example prints the answer, and ends", async () => {
  await symlink(resolve("node_modules"), join(directory, "node_modules"));
  // Without a type in it, so that it is JavaScript as well.
  const path = await example("ts", "sdk.mjs");
  const { stdout } = await run(process.execPath, [...WITH_WEBSOCKET, path], { timeout: 30_000 });
  expect(stdout).toBe(answerFor({ prompt: "Why is the sky blue?", profile: "nvidia2" }));
});

test.each(["README.md", START, "docs/providers.md"])(
  "every script that %s names is there",
  (path) => {
    const page = readFileSync(path, "utf8");
    const scripts = JSON.parse(readFileSync("package.json", "utf8")).scripts as object;
    const commands = [...page.matchAll(/npm run (?:--silent )?([\w:]+)/g)].map((match) => match[1]);
    expect(commands.length).toBeGreaterThan(0);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(commands));
  },
);
