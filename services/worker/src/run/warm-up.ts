/**
 * Answers a few made-up runs before the first user's run.
 *
 * The first run of a process compiles the HTTP parser and the schemas, and loads modules on demand, which takes about
 * 20 ms. So the warm-up takes the whole path of a run over loopback: from the job to the terminal entry in its log. It
 * asks no provider, changes no metric, and keeps its log apart from those of users.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseGatewayConfig } from "@openclaw/config";
import { runJobSchema } from "@openclaw/queue";
import { createLogger, type Logger, type RedisClient, untilAborted } from "@openclaw/runtime";
import { Appender, DEFAULT_RETENTION, RunRecords, StreamKeys } from "@openclaw/stream";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { ActiveAttempts } from "./active-attempts.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { executeRun } from "./execute-run.ts";
import { HedgeBudget } from "./hedge.ts";

/** Of the made-up provider, and in the keys of its runs. */
const NAME = "warm-up";
const ROUNDS = 25;
/** The longest that all rounds may take. */
const MAX_MS = 1_000;
/** How long the records stay in Redis. They have no reader. */
const KEPT = { liveMs: 10_000, resumeWindowMs: 1_000 };

const ANSWER = [
  { choices: [{ index: 0, delta: { role: "assistant", content: "warm" }, finish_reason: null }] },
  { choices: [{ index: 0, delta: { content: "ed up" }, finish_reason: "stop" }] },
];

export interface WarmUpOptions {
  /** The connection that real runs use. */
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  readonly partitions: number;
  readonly log: Pick<Logger, "warn">;
  /** How long it may take; by default a second. */
  readonly maxMs?: number;
}

type WarmUpContext = AttemptContext & { readonly records: RunRecords };

/** Never throws, and never takes longer than `maxMs`: the first run is then as slow as without a warm-up. */
export async function warmUp(options: WarmUpOptions): Promise<void> {
  const server = createServer((request, response) => request.resume().on("end", answer(response)));
  let client: ProviderClient | undefined;
  const late = AbortSignal.timeout(options.maxMs ?? MAX_MS);
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening", { signal: late });
    // Listening on TCP, so the address is no path.
    client = clientOf((server.address() as AddressInfo).port);
    await untilAborted(client.start(), late);
    await answerRuns(client, options, late);
  } catch (err) {
    options.log.warn({ err }, "warm-up failed");
  } finally {
    await client?.stop();
    server.closeAllConnections();
    server.close();
  }
}

function answer(response: ServerResponse): () => void {
  return () => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const chunk of ANSWER) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    response.end("data: [DONE]\n\n");
  };
}

function clientOf(port: number): ProviderClient {
  const provider = { kind: "openai", baseUrl: `http://127.0.0.1:${port}/v1`, model: "none" };
  const { providers } = parseGatewayConfig(
    { providers: { [NAME]: { ...provider, pool: { warm: 1 } } } },
    { source: "the warm-up", env: {} },
  );
  const config = providers[NAME];
  if (config === undefined) throw new Error("the provider was just configured");
  return createProviderClient({ name: NAME, config, log: silent() });
}

function silent(): Logger {
  return createLogger({ service: NAME, level: "silent" });
}

async function answerRuns(
  client: ProviderClient,
  { redis, keyPrefix, partitions }: WarmUpOptions,
  late: AbortSignal,
): Promise<void> {
  const keys = new StreamKeys({ prefix: `${keyPrefix}${NAME}:`, partitions });
  const retention = { ...DEFAULT_RETENTION, ...KEPT };
  const records = new RunRecords(redis, keys, retention);
  const appender = new Appender(redis, keys, { retention, giveUpMs: MAX_MS });
  const attempts = new ActiveAttempts();
  late.addEventListener("abort", () => void attempts.stop(), { once: true });
  const context = {
    provider: client,
    records,
    appender,
    attempts,
    queues: { has: () => false, add: async () => undefined },
    counts: { count: () => undefined, timed: () => undefined },
    limits: { slowDown: async () => undefined },
    hedges: new HedgeBudget(() => 0),
    node: NAME,
    nodes: async () => [],
    contextTokensOf: () => undefined,
    maxAttempts: 1,
    maxLost: 1,
    log: silent(),
  };
  try {
    await answerSome(context, late);
  } finally {
    await appender.stop();
  }
}

/** Answers at least one run, and more as long as there is time: Redis may be far away. */
async function answerSome(context: WarmUpContext, late: AbortSignal): Promise<void> {
  await untilAborted(answerOne(context), late);
  const others = async () => {
    for (let round = 1; round < ROUNDS && !late.aborted; round += 1) await answerOne(context);
  };
  await untilAborted(others(), late).catch((error: unknown) => {
    if (error !== late.reason) throw error;
  });
}

async function answerOne(context: WarmUpContext): Promise<void> {
  const runId = randomUUID();
  const messages = [{ role: "user", content: "none" }];
  const job = { runId, session: NAME, provider: NAME, messages, fallback: [] };
  await context.records.create({ ...job, edge: NAME });
  await executeRun(runJobSchema.parse(job), context);
}
