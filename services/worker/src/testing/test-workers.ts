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
import { SpeakingProvider } from "./speaking-provider.ts";

const log = createLogger({ service: "test", level: "silent" });

export const CANCELLED: TerminalEntry = { type: "cancelled", reason: "client" };
/** Behind whatever an attempt of a test has written. */
export const LATER: Position = { epoch: 2 ** 40, seq: 0 };

/** A worker as its runs see it, and the provider that it asks. */
export interface TestWorker extends AttemptContext {
  readonly counts: AttemptCounts;
  readonly speaker: SpeakingProvider;
}

/** Workers on one Redis, each with a provider of its own: a real HTTP server that speaks on command. */
export class TestWorkers {
  readonly stream: StreamFixture;
  /** What all of them log, each line an object. */
  readonly logged: Record<string, unknown>[] = [];
  readonly #log = createLogger(
    { service: "test", level: "debug" },
    { write: (line) => void this.logged.push(JSON.parse(line)) },
  );
  /** What was put on a queue, whoever's; nobody takes it from there but the test. */
  readonly added: RunJob[] = [];
  readonly #metrics = new Metrics({
    kind: "worker",
    gateway: { current: { providers: {}, targets: {} } },
    node: false,
  });
  readonly #meters = new ProviderMeters(this.#metrics);
  readonly #speakers: SpeakingProvider[] = [];
  readonly #clients: ProviderClient[] = [];

  private constructor(stream: StreamFixture) {
    this.stream = stream;
  }

  static async start(redisUrl: string, options: StreamFixtureOptions = {}): Promise<TestWorkers> {
    return new TestWorkers(await createStreamFixture(redisUrl, options));
  }

  /** @param more of the provider's configuration */
  async add(name: string, more: object = {}): Promise<TestWorker> {
    const speaker = await SpeakingProvider.start();
    this.#speakers.push(speaker);
    const { records, appender } = this.stream;
    return {
      speaker,
      provider: await this.#connect(name, { baseUrl: speaker.url, ...more }),
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

  /** Makes a run that its provider has failed so many times, and that waits there again. */
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

  /** Makes a run and has a worker begin with it; `finished` settles when that is done with it. */
  async begin(worker: AttemptContext, more: Partial<RunJob> = {}) {
    const job = await this.failed(worker, 0, more);
    const { runId } = job;
    const finished = executeRun(job, worker);
    // Some tests look at it late; a rejection must not count as unhandled until then.
    finished.catch(() => undefined);
    return { runId, job, finished };
  }

  /** What was measured of all providers together; none of them is known by its name. */
  async measured(): Promise<Scraped> {
    return new Scraped(await this.#metrics.read());
  }

  /** A run's log so far. */
  entries(runId: string): Promise<Entry[]> {
    return this.stream.entries(runId);
  }

  /** All text of a run's log, whichever attempt wrote it. */
  async textOf(runId: string): Promise<string> {
    return textIn(await this.entries(runId));
  }

  /** What the last attempt at a run has written. */
  async lastAttempt(runId: string): Promise<Entry[]> {
    const all = await this.entries(runId);
    return all.slice(all.findLastIndex(({ type }) => type === "started"));
  }

  async stop(): Promise<void> {
    // First: what is still under way is to fail without a word.
    await this.stream.appender.stop();
    await Promise.all(this.#clients.map((client) => client.stop()));
    await Promise.all(this.#speakers.map((speaker) => speaker.stop()));
    await this.stream.close();
  }
}

/** What a user reads of it. */
export function textIn(entries: readonly Entry[]): string {
  return entries.map((entry) => (entry.type === "text" ? entry.text : "")).join("");
}
