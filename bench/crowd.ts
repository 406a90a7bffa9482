/**
 * Many users at once: `npm run bench -- crowd 2000 [EDGES] [WORKERS]`, after `npm run build`.
 *
 * All ask in the same moment, for answers of 20 s with 15 pieces a second. The account takes as many runs as there are
 * users; nothing else is set. Says when they got their text, and what each part took meanwhile. Users are in
 * this process and the provider in one of its own: both take time of the same machine, and are not counted.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createCommandConnection, createLogger, startPrivateRedis } from "@openclaw/runtime";
import { directive } from "@openclaw/simulator";
import { WebSocket } from "ws";
import { Cluster } from "../shared/testing/src/cluster.ts";
import { eventually } from "../shared/testing/src/eventually.ts";
import { figuresOf } from "../shared/testing/src/figures.ts";

const [users = 2_000, edges = 2, workers = 2] = process.argv.slice(3).map(Number);
const ROUNDS = 2;
const PIECES = 300;
const GAP_MS = 66;
/** An answer takes 20 s, and several times that where the machine has too few cores. */
const END_WITHIN_MS = 115_000;

const log = createLogger({ service: "bench", level: "silent" });
const directory = await mkdtemp(join(tmpdir(), "openclaw-bench-"));
const redis = await startPrivateRedis({ directory, removeIfAbandoned: directory });
const commands = createCommandConnection({ url: redis.url, name: "bench", log });
await commands.connect();
const simulator = fork(resolve("services/simulator/dist/main.js"), {
  env: { PATH: process.env.PATH, SIMULATOR_PORT: "0", LOG_LEVEL: "silent" },
  execArgv: [],
});
const cluster = await Cluster.start({
  redisUrl: redis.url,
  gateway: { providers: { crowded: await provider() } },
  edges,
  workers,
  env: { LOG_LEVEL: "warn" },
});
try {
  const sockets = await Promise.all(Array.from({ length: users }, () => connect()));
  // The first round compiles and opens; that is no cost of the others.
  for (let round = 1; round <= ROUNDS; round += 1) console.log(await ask(sockets, round));
  for (const socket of sockets) socket.terminate();
} finally {
  await cluster.stop();
  simulator.kill();
  commands.disconnect();
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}

async function provider() {
  const url = await new Promise<string>((found) => {
    simulator.on("message", (message: { type?: string; url?: string }) => {
      if (message.type === "listening") found(message.url ?? "");
    });
  });
  const model = { model: "m", apiKey: "simulated" };
  return { kind: "zhipu", baseUrl: `${url}/zhipu/v1`, ...model, maxConcurrency: users };
}

async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(cluster.url(), "openclaw.v2");
  await once(socket, "message");
  return socket;
}

/** Every user asks; resolves with the result. */
async function ask(sockets: readonly WebSocket[], round: number) {
  const before = await cpu();
  const askedAt = performance.now();
  const answers = sockets.map(follow);
  const until = (what: string, holds: (answer: Answer) => boolean) =>
    eventually(what, () => answers.every(holds), { withinMs: END_WITHIN_MS });
  await until("everybody's text", ({ textMs, end }) => !Number.isNaN(textMs) || end !== undefined);
  const atWork = answers.filter(({ end }) => end === undefined).length;
  const memoryThen = await memory();
  await until("every end", ({ end }) => end !== undefined);
  const seconds = (performance.now() - askedAt) / 1_000;
  const after = await cpu();
  const cores = (who: keyof typeof after) => ((after[who] - before[who]) / seconds).toFixed(2);
  const times = (what: "startedMs" | "textMs") => {
    const known = answers.map((answer) => answer[what]).filter((ms) => !Number.isNaN(ms));
    const { p50, max } = figuresOf(known);
    return `${Math.round(p50)}, ${Math.round(max)}`;
  };
  const row = {
    whole: `${answers.filter(({ end }) => end === "done").length} of ${users}`,
    "at work when the last had text": atWork,
    "started, p50 and last, ms": times("startedMs"),
    "first text, p50 and last, ms": times("textMs"),
    "seconds in all": seconds.toFixed(0),
    "cores of edges": cores("edges"),
    "cores of workers": cores("workers"),
    "cores of Redis": cores("redis"),
    "MiB of Redis, then and at the end": `${memoryThen}, ${await memory()}`,
  };
  return { [`round ${round}`]: row };
}

/** What came of one user's question so far; times since it was asked, not a number until then. */
interface Answer {
  startedMs: number;
  textMs: number;
  end: string | undefined;
}

function follow(socket: WebSocket, seed: number): Answer {
  const askedAt = performance.now();
  const answer: Answer = { startedMs: Number.NaN, textMs: Number.NaN, end: undefined };
  socket.removeAllListeners("message").on("message", (data) => {
    const { type, code = type } = JSON.parse(String(data));
    const afterMs = performance.now() - askedAt;
    if (type === "started" && Number.isNaN(answer.startedMs)) answer.startedMs = afterMs;
    else if (type === "delta" && Number.isNaN(answer.textMs)) answer.textMs = afterMs;
    else if (type === "done" || type === "error" || type === "cancelled") answer.end = code;
  });
  const message = directive({ words: PIECES, gapMs: GAP_MS, seed });
  socket.send(JSON.stringify({ type: "run", ref: "r", message }));
  return answer;
}

/** Seconds of CPU time since each began. */
async function cpu() {
  const sum = async (kind: "edge" | "worker") =>
    (await cluster.scrape(kind)).sum("process_cpu_seconds_total");
  const info = await commands.info("cpu");
  const used = (what: string) => Number(new RegExp(`used_cpu_${what}:(\\S+)`).exec(info)?.[1]);
  return {
    edges: await sum("edge"),
    workers: await sum("worker"),
    redis: used("user") + used("sys"),
  };
}

async function memory(): Promise<string> {
  const info = await commands.info("memory");
  return (Number(/used_memory:(\d+)/.exec(info)?.[1]) / 2 ** 20).toFixed(1);
}
