/** `npm run providers` as an operator has it: the built command against providers in every condition. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { answerFor, PROFILES, type Simulator } from "@openclaw/simulator";
import { freePort } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startSimulator } from "./simulated-gateway.ts";

const COMMAND = resolve("services/worker/dist/check-providers.js");
const KEY = "sk-the-very-secret-key";
/** The word that the simulator refuses: a secret like any other. */
const REFUSED_KEY = "bad-key";

const { zhipu, openai } = PROFILES;
const STREAMING = { connectMs: 0, firstTokenMs: 20, jitterMs: 0, piecesPerSecond: 200 };

let simulator: Simulator;
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-providers-test-"));
  simulator = await startSimulator({
    openai: { ...openai, timing: STREAMING },
    slow: { ...zhipu, timing: { ...STREAMING, firstTokenMs: 1_800 } },
    lump: { ...openai, timing: { ...STREAMING, piecesPerSecond: Number.POSITIVE_INFINITY } },
  });
  const at = (profile: string) => ({
    kind: "openai",
    baseUrl: `${simulator.url}/${profile}/v1`,
    model: "test-model",
    apiKey: "${TEST_KEY}",
    region: "domestic",
  });
  await config("gateway.json", {
    healthy: at("openai"),
    "wrong-key": { ...at("openai"), apiKey: "${TEST_REFUSED_KEY}" },
    "no-model": { ...at("openai"), model: "missing-model" },
    refused: { ...at("openai"), baseUrl: `http://127.0.0.1:${await freePort()}/v1` },
    // An account of its own, so that the others do not wait for it.
    slow: { ...at("slow"), kind: "zhipu", apiKey: "${TEST_KEY}-2" },
    lump: at("lump"),
  });
});

afterAll(async () => {
  await simulator?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function config(name: string, providers: object): Promise<void> {
  const targets = { domestic: { firstTextMs: 1_500 } };
  await writeFile(join(directory, name), JSON.stringify({ providers, targets }));
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd: directory,
    env: { TEST_KEY: KEY, TEST_REFUSED_KEY: REFUSED_KEY, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

const check = (...args: readonly string[]) => run(["--config", "gateway.json", ...args]);

interface Printed {
  readonly ok: boolean;
  readonly asked: { readonly question: string; readonly requests: number };
  readonly providers: readonly { readonly name: string }[];
}

describe("one provider of each condition", () => {
  let table: Ended;
  let json: Ended;
  let printed: Printed;
  const of = (name: string) => printed.providers.find((provider) => provider.name === name);

  beforeAll(async () => {
    [table, json] = await Promise.all([check(), check("--json")]);
    printed = JSON.parse(json.stdout);
  });

  test("makes the command fail, and is asked four times at most", () => {
    expect([table.code, json.code, printed.ok]).toEqual([1, 1, false]);
    expect(printed.asked.requests).toBe(2 + 1 + 1 + 0 + 4 + 2);
    const { openai, slow } = simulator.stats().profiles;
    // Twice, once for each format: of `openai` the healthy one, the wrong key and the unknown model.
    expect([openai?.requests, slow?.requests]).toEqual([2 * (2 + 1 + 1), 2 * 4]);
  });

  test("healthy: every question of an operator is answered with yes", () => {
    expect(of("healthy")).toMatchObject({
      verdict: "ok",
      keyAccepted: true,
      modelServed: true,
      connection: { stepMs: { tcp: expect.any(Number) } },
      answers: {
        cold: { connection: "cold", firstTextMs: expect.any(Number) },
        warm: { connection: "warm", firstTextMs: expect.any(Number) },
      },
      findings: [],
    });
  });

  test("wrong key: the variable that holds it is named", () => {
    expect(of("wrong-key")).toMatchObject({
      verdict: "fail",
      keyAccepted: false,
      findings: [{ code: "provider_auth", action: expect.stringMatching(/TEST_REFUSED_KEY/) }],
    });
  });

  test("unknown model: the field that holds it is named", () => {
    expect(of("no-model")).toMatchObject({
      verdict: "fail",
      keyAccepted: true,
      modelServed: false,
      findings: [
        { code: "model_not_found", action: expect.stringMatching(/`providers\.no-model\.model`/) },
      ],
    });
  });

  test("connection refused: the step that failed is named, and nothing is asked", () => {
    expect(of("refused")).toMatchObject({
      verdict: "fail",
      connection: {
        stepMs: { tcp: expect.any(Number) },
        failed: { step: "tcp", cause: "ECONNREFUSED" },
      },
      requests: 0,
      findings: [{ code: "provider_unreachable", action: expect.stringMatching(/baseUrl/) }],
    });
  });

  test("too slow: its times stand against the target", () => {
    expect(of("slow")).toMatchObject({
      verdict: "fail",
      keyAccepted: true,
      modelServed: true,
      findings: [
        {
          code: "target_missed",
          message: expect.stringMatching(/s on a cold .* s on a warm .* target is 1\.5 s/),
        },
      ],
    });
  });

  test("one lump: a warning", () => {
    expect(of("lump")).toMatchObject({ verdict: "warn", findings: [{ code: "one_lump" }] });
  });

  test("the table has a line for each, within 80 columns, and what to do", () => {
    const { stdout, stderr } = table;
    expect(stderr).toBe("");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toMatch(/^healthy +ok +- +<?\d+ +- +yes +yes +\d+ +\d+ +\d+ +yes$/m);
    expect(stdout).toMatch(/^wrong-key +FAIL +- +<?\d+ +- +no +- +- +- +- +-$/m);
    expect(stdout).toMatch(/^no-model +FAIL +- +<?\d+ +- +yes +no +- +- +- +-$/m);
    expect(stdout).toMatch(/^refused +FAIL +- +no +- +- +- +- +- +- +-$/m);
    expect(stdout).toMatch(/^slow +FAIL +- +<?\d+ +- +yes +yes +\d+! +\d+! +\d+ +yes$/m);
    expect(stdout).toMatch(/^lump +warn +- +<?\d+ +- +yes +yes +\d+ +\d+ +\d+ +lump$/m);
    expect(stdout).toMatch(/Check the environment variable TEST_REFUSED_KEY/);
    expect(stdout).toMatch(/Asked 10 times, for at most 64 tokens each/);
    expect(stdout).toMatch(/\n1 ok, 1 with a warning, 4 failed\n$/);
  });

  test("no key and no piece of an answer is printed", () => {
    const all = [table, json].map(({ stdout, stderr }) => stdout + stderr).join("");
    expect(all).toContain("healthy");
    expect(all).not.toContain(KEY);
    expect(all).not.toContain(REFUSED_KEY);
    const answer = answerFor({ prompt: printed.asked.question, profile: "openai" });
    const pieces = answer.match(/.{12}/g) ?? [];
    expect(pieces.length).toBeGreaterThan(10);
    expect(pieces.filter((piece) => all.includes(piece))).toEqual([]);
  });

  test("only those that are named are checked; without a failure the exit code is 0", async () => {
    const named = await check("--json", "--provider", "lump", "--provider", "healthy");
    const { ok, providers }: Printed = JSON.parse(named.stdout);
    expect([named.code, ok]).toEqual([0, true]);
    expect(providers.map(({ name }) => name)).toEqual(["healthy", "lump"]);
  });
});

test("a provider that says nothing is given up on, and holds up nobody", async () => {
  await config("silent.json", {
    silent: { kind: "openai", baseUrl: `${simulator.url}/openai/v1`, model: "m", apiKey: "k" },
    healthy: { kind: "openai", baseUrl: `${simulator.url}/lump/v1`, model: "m" },
  });
  simulator.setFaults({ probability: { hang: 1 }, faultOn: ["openai"] });
  try {
    const startedAt = performance.now();
    const { code, stdout } = await run(["--config", "silent.json", "--timeout", "2", "--json"]);
    // Without its time-out it would be a minute.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    const { providers } = JSON.parse(stdout) as Printed;
    expect(code).toBe(1);
    expect(providers).toMatchObject([
      { name: "silent", verdict: "fail", findings: [{ code: "run_timeout" }] },
      { name: "healthy", verdict: "warn" },
    ]);
  } finally {
    simulator.reset();
  }
});

describe("what cannot be checked is said at once, with exit code 2", () => {
  test.each([
    ["an option there is not", ["--nope"], /--nope/],
    ["a stray argument", ["healthy"], /"healthy" is not understood.*--provider/],
    ["a timeout that is none", ["--timeout", "soon"], /--timeout must be .*"soon"/],
    ["a provider there is not", ["--config", "gateway.json", "--provider", "x"], /"x" is no.*slow/],
    ["a file there is not", ["--config", "nowhere.json"], /nowhere\.json[\s\S]*ENOENT/],
    ["no configuration and no key", [], /nothing to check[\s\S]*ZHIPU_API_KEY[\s\S]*--init/],
  ])("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });

  test("every problem of a configuration", async () => {
    await config("broken.json", {
      a: { kind: "foo", baseUrl: "http://127.0.0.1:1", model: "m", apiKey: "${NOT_SET}" },
      b: { kind: "openai", baseUrl: KEY },
    });
    const { code, stderr } = await run(["--config", "broken.json"]);
    expect(code).toBe(2);
    for (const place of ["a.apiKey", "a.kind", "b.baseUrl", "b.model"]) {
      expect(stderr).toContain(`providers.${place}: `);
    }
    expect(stderr).not.toContain(KEY);
  });
});

test("--init writes a file that is checked next, and never over another", async () => {
  const path = join(directory, "gateway.config.json");
  const first = await run(["--init"], { ZHIPU_API_KEY: "z" });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(first.stdout).toContain(path);
  expect(first.stdout).toMatch(/Set NVIDIA1_API_KEY, NVIDIA2_API_KEY, HUNYUAN_API_KEY,/);
  const written = await readFile(path, "utf8");
  expect(written).toContain("// Spare sockets that one worker keeps open and ready.");

  const second = await run(["--init"]);
  expect([second.code, second.stderr]).toEqual([2, expect.stringMatching(/exists already/)]);
  expect(await readFile(path, "utf8")).toBe(written);
  expect(await run(["--init", "other.json"])).toMatchObject({ code: 0 });

  const unset = await run([]);
  expect([unset.code, unset.stderr]).toEqual([
    2,
    expect.stringMatching(/ZHIPU_API_KEY is not set/),
  ]);
});
