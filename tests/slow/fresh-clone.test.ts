/** What a new user does first: clone, `npm start`, `npm start` again. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { answerFor } from "@openclaw/simulator";
import { freePort, V1Client } from "@openclaw/testing";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LaunchedGateway } from "../e2e/launched-gateway.ts";
import { SHIPPED_NAMES } from "../e2e/simulated-gateway.ts";
import { sizeOf } from "../suites.ts";

const run = promisify(execFile);
let clone = "";

beforeEach(({ skip }) => skip(sizeOf("fresh-clone") === 0, "left to npm run test:long"));

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), "openclaw-clone-"));
  await run("git", ["clone", "--quiet", process.cwd(), clone]);
});

afterAll(async () => {
  await rm(clone, { recursive: true, force: true });
});

test("npm start in a fresh clone answers for every shipped provider; Ctrl-C ends it", async () => {
  const gateway = await LaunchedGateway.start(["npm", "start"], {
    cwd: clone,
    port: await freePort(),
  });
  try {
    const client = await V1Client.connect(gateway.url());
    for (const profile of SHIPPED_NAMES) {
      const reply = await client.ask("你好", profile);
      expect([reply.text, reply.terminal]).toEqual([
        answerFor({ prompt: "你好", profile }),
        { type: "done" },
      ]);
    }
    client.close();
  } finally {
    expect(await gateway.interrupt()).toBe(0);
  }
  expect(await gateway.processes()).toEqual([]);
});

test("the bootstrap costs under 2 s the second time", async () => {
  const startedAt = performance.now();
  const { stdout } = await run(process.execPath, ["scripts/bootstrap.mjs"], { cwd: clone });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(stdout).toBe("");
});
