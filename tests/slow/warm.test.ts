/**
 * What the first run of a new worker costs its user, with a provider that is a handshake of 150 ms away.
 *
 * The edge and its users are there already, as when workers are deployed again. Each worker serves ten
 * runs, one after another, and the first is compared with the tenth of the same worker.
 */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createSimulator,
  directive,
  INSTANT,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { Cluster, eventually, figuresOf, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway } from "../e2e/simulated-gateway.ts";
import { boundMs, sizeOf } from "../suites.ts";

const HANDSHAKE_MS = 150;
/** The provider's own part of each first token. */
const FIRST_TOKEN_MS = 100;
/** The less a start costs beside what a busy machine adds, the more of them it takes to tell. */
const COLD_STARTS = Math.floor(0.3 * sizeOf("warm")) || 1;
const STARTS = { warm: sizeOf("warm") - COLD_STARTS, cold: COLD_STARTS };
/** A run that pays anything of the handshake pays all of it. */
const BAR_MS = boundMs({ promised: 10, fault: HANDSHAKE_MS / 2 });
const RUNS = 10;

let directory: string;
let simulator: Simulator;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-warm-"));
  simulator = createSimulator({
    port: 0,
    profiles: profilesAt({ ...INSTANT, firstTokenMs: FIRST_TOKEN_MS }),
    tls: { port: 0, handshakeMs: HANDSHAKE_MS, certFile: join(directory, "simulator.pem") },
  });
  await simulator.start();
});

afterAll(async () => {
  await simulator?.stop();
  await rm(directory, { recursive: true, force: true });
});

function startCluster(warm: number): Promise<Cluster> {
  return Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.tlsUrl ?? "", { pool: { warm } }),
    edges: 1,
    workers: 1,
    env: { NODE_EXTRA_CA_CERTS: join(directory, "simulator.pem") },
  });
}

interface Measured {
  /** From the user's message to its first text, less what the provider itself took. */
  readonly overheadMs: number;
  readonly connection: string | undefined;
}

async function measure(client: V2Client): Promise<Measured> {
  let firstTextMs = Number.NaN;
  const startedAt = performance.now();
  client.onFrame = ({ type }) => {
    if (type === "delta" && Number.isNaN(firstTextMs)) firstTextMs = performance.now() - startedAt;
  };
  const end = await client.end(await client.run(directive({ words: 3 }), "zhipu"));
  if (end.type !== "done") throw new Error(`ended as ${end.type}`);
  return { overheadMs: firstTextMs - FIRST_TOKEN_MS, connection: end.timings.connection };
}

async function tenRuns(client: V2Client): Promise<Measured[]> {
  const runs: Measured[] = [];
  while (runs.length < RUNS) runs.push(await measure(client));
  return runs;
}

/** A worker that has served nothing takes the place of those there are. */
async function replaceWorker(cluster: Cluster): Promise<void> {
  const before = cluster.running("worker");
  await cluster.add("worker");
  for (const { process } of before) {
    const exited = once(process, "exit");
    process.kill("SIGTERM");
    await exited;
  }
}

async function firstAndTenth({ warm, count }: { warm: number; count: number }) {
  const cluster = await startCluster(warm);
  const client = await V2Client.connect(cluster.url());
  await tenRuns(client);
  const starts: { first: Measured; tenth: Measured }[] = [];
  while (starts.length < count) {
    await replaceWorker(cluster);
    const runs = await tenRuns(client);
    const [first, tenth] = [runs[0], runs.at(-1)];
    if (first && tenth) starts.push({ first, tenth });
  }
  client.close();
  await cluster.stop();
  await eventually("every connection closed", () => simulator.stats().sockets.open === 0);
  const costs = starts.map(({ first, tenth }) => first.overheadMs - tenth.overheadMs);
  const told = starts.map(
    ({ first, tenth }) => `${first.overheadMs.toFixed(1)}/${tenth.overheadMs.toFixed(1)}`,
  );
  const { p50 } = figuresOf(costs);
  console.log(
    `warm ${warm}: overhead of the first/tenth run ${told.join(", ")} ms; ${p50.toFixed(1)} ms apart (median of ${count})`,
  );
  return { costMs: p50, labels: starts.map(({ first }) => first.connection) };
}

test("on a warm pool the first run is within 10 ms of the tenth, handshakes being 150 ms", async () => {
  const { costMs, labels } = await firstAndTenth({ warm: 4, count: STARTS.warm });
  expect(new Set(labels)).toEqual(new Set(["warm"]));
  expect(costMs).toBeLessThan(BAR_MS);
});

test("without a warm pool the first run pays the handshake", async () => {
  const { costMs, labels } = await firstAndTenth({ warm: 0, count: STARTS.cold });
  expect(new Set(labels)).toEqual(new Set(["cold"]));
  expect(costMs).toBeGreaterThan(HANDSHAKE_MS / 2);
});
