/**
 * One provider as this worker serves it: the intake of its queue, and the client that answers.
 *
 * A changed provider keeps its intake and gets another client. Runs that are at work finish with the
 * client they began with, whose sockets are closed behind the last of them.
 */
import { isDeepStrictEqual } from "node:util";
import type { Places, ProviderConfig } from "@openclaw/config";
import type { QueueCounts, RunIntake, RunJob } from "@openclaw/queue";
import { type Logger, sleep } from "@openclaw/runtime";
import type { ProviderHealth } from "../provider/health/provider-health.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import { CountedClient } from "./counted-client.ts";

/** What a provider is made of, and who works on its runs. */
export interface ServedProviderOptions {
  readonly createClient: (name: string, config: ProviderConfig) => ProviderClient;
  readonly createIntake: (intake: {
    readonly provider: string;
    readonly concurrency: number;
    readonly onRun: (job: RunJob) => Promise<void>;
  }) => RunIntake;
  /** Most runs of a provider at once in this process. */
  readonly placesOf: (config: ProviderConfig) => Places;
  readonly execute: (job: RunJob, client: ProviderClient) => Promise<void>;
  /** Runs of a provider that wait or are at work, in the whole cluster. */
  readonly count: (provider: string) => Promise<QueueCounts>;
  readonly log: Logger;
}

/** When a removed provider is left. */
export interface LeavingLimits {
  /** Its queue must have been empty for so long: an edge may learn later that it is gone. */
  readonly emptyMs: number;
  /** After so long no more of its runs are taken: that edge will not learn. */
  readonly mostMs: number;
}

const LOOK_EVERY_MS = 500;
/** Beyond a run's own deadline: to write its end. */
const END_MS = 5_000;

export class ServedProvider {
  readonly name: string;
  readonly #options: ServedProviderOptions;
  readonly #intake: RunIntake;
  /** Not stopped yet: the current one, and those that runs still use. */
  readonly #clients = new Set<CountedClient>();
  #client: CountedClient;
  #leaving: AbortController | undefined;
  #ending = false;

  constructor(name: string, config: ProviderConfig, options: ServedProviderOptions) {
    this.name = name;
    this.#options = options;
    this.#client = this.#add(config);
    this.#intake = options.createIntake({
      provider: name,
      concurrency: options.placesOf(config).runs,
      onRun: (job) => this.#client.use((client) => options.execute(job, client)),
    });
  }

  /** Of the client that new runs get. */
  get health(): ProviderHealth {
    return this.#client.health;
  }

  get places(): Places {
    return this.#options.placesOf(this.#client.config);
  }

  /** Takes runs once its sockets are warm, after `warmUpMs` at the latest. */
  async start(warmUpMs: number): Promise<void> {
    await this.#client.warmUp(warmUpMs);
    if (!this.#ending) await this.#intake.start();
  }

  /** Takes none of its runs until told otherwise, or takes them again. Those at work go on. */
  hold(isHeld: boolean): Promise<void> {
    return this.#intake.hold(isHeld);
  }

  /** It is configured like this now. New runs have a new client once that is warm, if it differs. */
  async configure(config: ProviderConfig, warmUpMs: number): Promise<void> {
    // Perhaps it had been removed.
    this.#leaving?.abort();
    const before = this.#client;
    if (isDeepStrictEqual(before.config, config)) return;
    const next = this.#add(config);
    await next.warmUp(warmUpMs);
    this.#client = next;
    this.#intake.resize(this.places.runs);
    void this.#retire(before);
  }

  /** Whether it is on its way out, and has not been configured again. */
  get isLeaving(): boolean {
    return this.#leaving !== undefined && !this.#leaving.signal.aborted;
  }

  /**
   * It is not configured any more: serves what is still queued, then takes nothing more.
   *
   * @returns whether it came to that; false where it was configured again, or the worker leaves
   */
  async leave(limits: LeavingLimits): Promise<boolean> {
    const leaving = new AbortController();
    this.#leaving = leaving;
    await this.#untilUnused(limits, leaving.signal);
    return !leaving.signal.aborted;
  }

  /** Lets the runs at work here end, which their own deadlines bound, and releases everything. */
  async end(): Promise<void> {
    const longest = Math.max(...[...this.#clients].map(({ config }) => config.timeouts.totalMs));
    await this.drain(AbortSignal.timeout(longest + END_MS));
    await this.stop();
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#ending = true;
    this.#leaving?.abort();
    await this.#intake.drain(signal);
  }

  async stop(): Promise<void> {
    this.#ending = true;
    this.#leaving?.abort();
    await this.#intake.stop();
    await Promise.all([...this.#clients].map((client) => client.stop()));
    this.#clients.clear();
  }

  #add(config: ProviderConfig): CountedClient {
    const client = new CountedClient(this.#options.createClient(this.name, config));
    this.#clients.add(client);
    return client;
  }

  async #retire(client: CountedClient): Promise<void> {
    try {
      await client.retire();
    } catch (error) {
      this.#options.log.error({ provider: this.name, err: error }, "provider not released");
    }
    this.#clients.delete(client);
  }

  async #untilUnused({ emptyMs, mostMs }: LeavingLimits, signal: AbortSignal): Promise<void> {
    const since = performance.now();
    let busyAt = since;
    while (!signal.aborted) {
      if (await this.#isBusy()) busyAt = performance.now();
      const now = performance.now();
      if (now - busyAt >= emptyMs || now - since >= mostMs) return;
      await sleep(LOOK_EVERY_MS, signal);
    }
  }

  async #isBusy(): Promise<boolean> {
    try {
      const { waiting, active } = await this.#options.count(this.name);
      return waiting + active > 0;
    } catch {
      // Without an answer from Redis there may be runs; it is asked again, and not for ever.
      return true;
    }
  }
}
