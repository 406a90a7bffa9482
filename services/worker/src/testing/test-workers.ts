import { randomUUID } from "node:crypto";
import { parseGatewayConfig } from "@openclaw/config";
import { Metrics } from "@openclaw/metrics";
import { AccountVerdicts, type RunJob } from "@openclaw/queue";
import { createLogger } from "@openclaw/runtime";
import type { Entry, Position, TerminalEntry } from "@openclaw/stream";
import {
  createStreamFixture,
  Scraped,
  type StreamFixture,
  type StreamFixtureOptions,
} from "@openclaw/testing";
import { accountIdOf } from "../provider/health/account-refusal.ts";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { ActiveAttempts } from "../run/active-attempts.ts";
import type { AttemptContext } from "../run/attempt-context.ts";
import { executeRun } from "../run/execute-run.ts";
import { HedgeBudget } from "../run/hedge.ts";
import { AttemptCounts } from "../telemetry/attempt-counts.ts";
import { ProviderMeters } from "../telemetry/provider-meter.ts";
import { ScriptedProvider } from "./scripted-provider.ts";

const log = createLogger({ service: "test", level: "silent" });

export const CANCELLED: TerminalEntry = { type: "cancelled", reason: "client" };
/** Behind every entry of a test. */
export const LATER: Position = { epoch: 2 ** 40, seq: 0 };

/** The context of runs on one worker, and the provider that it asks. */
export interface TestWorker extends AttemptContext {
  readonly counts: AttemptCounts;
  readonly scripted: ScriptedProvider;
}

/** Workers on one Redis, each with its own provider: a real HTTP server that sends what the test says. */
export class TestWorkers {
  readonly stream: StreamFixture;
  /** The log lines of all workers, as objects. */
  readonly logged: Record<string, unknown>[] = [];
  readonly #log = createLogger(
    { service: "test", level: "debug" },
    { write: (line) => void this.logged.push(JSON.parse(line)) },
  );
  /** Jobs that were put on any queue. Only the test takes them from there. */
  readonly added: RunJob[] = [];
  readonly #metrics = new Metrics({
    kind: "worker",
    gateway: { current: { providers: {}, targets: {} } },
    node: false,
  });
  readonly #meters = new ProviderMeters(this.#metrics);
  readonly #scripted: ScriptedProvider[] = [];
  readonly #clients: ProviderClient[] = [];

  private constructor(stream: StreamFixture) {
    this.stream = stream;
  }

  static async start(redisUrl: string, options: StreamFixtureOptions = {}): Promise<TestWorkers> {
    return new TestWorkers(await createStreamFixture(redisUrl, options));
  }

  /** @param more fields of the provider's configuration */
  async add(name: string, more: object = {}): Promise<TestWorker> {
    const scripted = await ScriptedProvider.start();
    this.#scripted.push(scripted);
    const { records, appender } = this.stream;
    return {
      scripted,
      provider: await this.#connect(name, { baseUrl: scripted.url, ...more }),
      records,
      appender,
      queues: {
        has: (other) => other !== name,
        add: async (job) => void this.added.push(job),
      },
      attempts: new ActiveAttempts(),
      counts: new AttemptCounts(),
      limits: { slowDown: async () => undefined },
      hedges: new HedgeBudget(() => 1),
      node: `worker-${name}`,
      nodes: async () => ["edge-1"],
      contextTokensOf: () => undefined,
      maxAttempts: 2,
      maxLost: 5,
      log: this.#log,
    };
  }

  async #connect(name: string, more: object): Promise<ProviderClient> {
    const provider = { kind: "openai", model: "m", pool: { warm: 0 }, ...more };
    const { providers } = parseGatewayConfig(
      { providers: { [name]: provider } },
      { source: "test", env: {} },
    );
    const config = providers[name];
    if (!config) throw new Error("it was just configured");
    const { commands: redis, prefix: keyPrefix } = this.stream;
    const verdicts = new AccountVerdicts({ redis, keyPrefix });
    const verdict = verdicts.of(accountIdOf(config));
    const meter = this.#meters.of(name);
    const client = createProviderClient({ name, config, log, meter, verdict });
    this.#clients.push(client);
    await client.start();
    return client;
  }

  /** Creates a run that its provider has failed `times` times, and that waits there again. */
  async failed(worker: AttemptContext, times: number, more: Partial<RunJob> = {}): Promise<RunJob> {
    const job: RunJob = {
      runId: randomUUID(),
      session: "s",
      provider: worker.provider.name,
      messages: [{ role: "user", content: "hi" }],
      fallback: [],
      ...more,
    };
    const { runId, provider } = job;
    await this.stream.createRun({ runId, edge: "edge-1", provider });
    for (let time = 0; time < times; time += 1) {
      const started = { type: "started", provider, model: "m" } as const;
      const claim = await this.stream.claim(runId, { started });
      if (claim.outcome !== "claimed") throw new Error(claim.outcome);
      await this.stream.records.move({ runId, epoch: claim.epoch, from: provider, provider });
    }
    return job;
  }

  /** Creates a run and lets a worker begin it. `finished` settles when the worker is done. */
  async begin(worker: AttemptContext, more: Partial<RunJob> = {}) {
    const job = await this.failed(worker, 0, more);
    const { runId } = job;
    const finished = executeRun(job, worker);
    // Some tests await it late. Until then, a rejection must not count as unhandled.
    finished.catch(() => undefined);
    return { runId, job, finished };
  }

  /** The metrics of all providers together, without their names. */
  async measured(): Promise<Scraped> {
    return new Scraped(await this.#metrics.read());
  }

  /** The entries of a run's log so far. */
  entries(runId: string): Promise<Entry[]> {
    return this.stream.entries(runId);
  }

  /** All text of a run's log, of every attempt. */
  async textOf(runId: string): Promise<string> {
    return textIn(await this.entries(runId));
  }

  /** The entries of the last attempt of a run. */
  async lastAttempt(runId: string): Promise<Entry[]> {
    const all = await this.entries(runId);
    return all.slice(all.findLastIndex(({ type }) => type === "started"));
  }

  async stop(): Promise<void> {
    // Comes first, so that work under way fails silently.
    await this.stream.appender.stop();
    await Promise.all(this.#clients.map((client) => client.stop()));
    await Promise.all(this.#scripted.map((scripted) => scripted.stop()));
    await this.stream.close();
  }
}

/** The text that a user reads. */
export function textIn(entries: readonly Entry[]): string {
  return entries.map((entry) => (entry.type === "text" ? entry.text : "")).join("");
}
