/** The examples of `docs/examples`, run as they stand there. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import {
  answerFor,
  type Directive,
  directive,
  INSTANT,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { Cluster, freePort, TcpProxy } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { needs } from "../tools.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const DIRECTORY = "docs/examples";
const API_KEY = "the-key-of-the-examples";
const files = readdirSync(DIRECTORY).filter((name) => name !== "README.md");

interface Runner {
  readonly command: string;
  /** Tools that files of this kind need besides. */
  readonly tools: readonly string[];
}

/** By how a file's name ends. Debian's Python has Debian's packages. */
const RUNNERS: Readonly<Record<string, Runner>> = {
  py: { command: "/usr/bin/python3", tools: ["websockets for Python"] },
  sh: { command: "sh", tools: ["curl", "jq"] },
  mjs: { command: process.execPath, tools: [] },
};

function runnerOf(name: string): Runner {
  const runner = RUNNERS[name.split(".").at(-1) ?? ""];
  if (runner === undefined) throw new Error(`nothing runs ${name}`);
  return runner;
}

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    edges: 1,
    workers: 1,
    gateway: simulatedGateway(simulator.url),
    // Faults that are asked for are nothing that a provider should be given up for.
    env: { WORKER_CIRCUIT_FAILURES: "1000", EDGE_API_KEYS: API_KEY },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Surroundings {
  /** Where the gateway is, or is not. */
  readonly host?: string;
  /** Called with the first that is printed. */
  readonly onOutput?: () => void;
}

async function run(
  name: string,
  question: string,
  { host = cluster.host, onOutput = () => undefined }: Surroundings = {},
): Promise<Outcome> {
  const { command } = runnerOf(name);
  const env = { PATH: process.env.PATH, OPENCLAW_URL: `http://${host}`, OPENCLAW_API_KEY: API_KEY };
  const path = `${DIRECTORY}/${name}`;
  const running = promisify(execFile)(command, [path, question], { env, timeout: 30_000 });
  running.child.stdout?.once("data", onOutput);
  try {
    return { code: 0, ...(await running) };
  } catch (error) {
    // Of `execFile`, for a process that did not end with 0; a missing runner has no number as its code.
    const { code, stdout, stderr } = error as Outcome;
    return { code, stdout, stderr };
  }
}

const asking = (fields: Directive) => directive({ words: 60, seed: 5, language: "zh", ...fields });

/** Resets the connection behind the first that is printed; another one may be made. */
async function runAndLose(name: string, question: string): Promise<Outcome> {
  const [host = "", port] = cluster.host.split(":");
  const proxy = await TcpProxy.start({ host, port: Number(port) });
  try {
    const onOutput = () => proxy.reset();
    return await run(name, question, { host: `${host}:${proxy.port}`, onOutput });
  } finally {
    await proxy.stop();
  }
}

function wholeAnswer(question: string): Outcome {
  return { code: 0, stdout: `${answerFor({ prompt: question })}\n`, stderr: "" };
}

function expectBeginning({ code, stdout }: Outcome, question: string): void {
  const shown = stdout.trimEnd();
  expect(code).toBe(1);
  expect(shown).not.toBe("");
  expect(answerFor({ prompt: question }).startsWith(shown)).toBe(true);
}

for (const name of files) {
  describe(name, { concurrent: true }, () => {
    needs(...runnerOf(name).tools);

    test("prints the answer, byte for byte, and nothing else", async () => {
      const question = asking({});
      expect(await run(name, question)).toEqual(wholeAnswer(question));
    });

    test("says that the answer broke off, behind what there was of it", async () => {
      const question = asking({ cutAfter: 20, gapMs: 10 });
      const outcome = await run(name, question);
      expectBeginning(outcome, question);
      expect(outcome.stderr).toContain("provider_cut");
    });

    test("says why there is no answer", async () => {
      const { code, stdout, stderr } = await run(name, asking({ status: 451 }));
      expect({ code, stdout: stdout.trim() }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/content_filter/);
    });

    test("says that there is no gateway", async () => {
      const { code, stderr } = await run(name, "Hello?", { host: `127.0.0.1:${await freePort()}` });
      expect(code).toBe(1);
      expect(stderr).toMatch(/connect/i);
    });
  });
}

/** Those that come back for the rest of an answer; the others say that they cannot. */
const RETURNING = ["curl_run.sh", "sdk.mjs"];

describe.each(files)("%s, when a connection is lost in the middle of an answer", (name) => {
  needs(...runnerOf(name).tools);
  const isReturning = RETURNING.includes(name);

  test(isReturning ? "goes on where it was" : "says so, behind what there was", async () => {
    const question = asking({ gapMs: 20 });
    const outcome = await runAndLose(name, question);
    if (isReturning) expect(outcome).toEqual(wholeAnswer(question));
    else expectBeginning(outcome, question);
    if (!isReturning) expect(outcome.stderr).toMatch(/connection|closed|terminated|broke off/i);
  });
});

test.each(files)("%s is short, and the README beside it tells how to run it", (name) => {
  const lines = readFileSync(`${DIRECTORY}/${name}`, "utf8").trimEnd().split("\n");
  expect(lines.length).toBeLessThan(40);
  expect(readFileSync(`${DIRECTORY}/README.md`, "utf8")).toContain(`${name} "`);
});
