/**
 * One provider that this worker serves: the intake of its queue, and the client that asks it.
 *
 * When the configuration changes, the provider keeps its intake and gets a new client. Runs at work finish with their old
 * client. Its sockets are closed behind the last of these runs.
 */
import { isDeepStrictEqual } from "node:util";
import type { Places, ProviderConfig } from "@openclaw/config";
import type { QueueCounts, RunIntake, RunJob } from "@openclaw/queue";
import { type Logger, sleep } from "@openclaw/runtime";
import type { ProviderHealth } from "../provider/health/provider-health.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import { CountedClient } from "./counted-client.ts";

/** The parts of a provider, and the execution of its runs. */
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
  /** Runs of a provider that wait or are at work, in the cluster. */
  readonly count: (provider: string) => Promise<QueueCounts>;
  readonly log: Logger;
}

/** When a removed provider is no longer served. */
export interface LeavingLimits {
  /** Its queue must be empty for this long, since an edge may learn of the change later. */
  readonly emptyMs: number;
  /** After this long the worker takes no more of its runs: an edge that still sends some will not learn. */
  readonly mostMs: number;
}

const POLL_EVERY_MS = 500;
/** To write the end of a run, beyond its deadline. */
const END_MS = 5_000;

export class ServedProvider {
  readonly name: string;
  readonly #options: ServedProviderOptions;
  readonly #intake: RunIntake;
  /** Not stopped yet: the present client, and old ones that runs still use. */
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

  /** The health of the client that new runs get. */
  get health(): ProviderHealth {
    return this.#client.health;
  }

  get places(): Places {
    return this.#options.placesOf(this.#client.config);
  }

  /** Takes runs once the sockets are warm, at the latest after `warmUpMs`. */
  async start(warmUpMs: number): Promise<void> {
    await this.#client.warmUp(warmUpMs);
    if (!this.#ending) await this.#intake.start();
  }

  /** Stops or resumes taking runs. Runs at work go on. */
  hold(isHeld: boolean): Promise<void> {
    return this.#intake.hold(isHeld);
  }

  /** Applies a configuration. If it differs, new runs get a new client once that is warm. */
  async configure(config: ProviderConfig, warmUpMs: number): Promise<void> {
    // It may have been removed before.
    this.#leaving?.abort();
    const before = this.#client;
    if (isDeepStrictEqual(before.config, config)) return;
    const next = this.#add(config);
    await next.warmUp(warmUpMs);
    this.#client = next;
    this.#intake.resize(this.places.runs);
    void this.#retire(before);
  }

  /** Whether it was removed, and not configured again. */
  get isLeaving(): boolean {
    return this.#leaving !== undefined && !this.#leaving.signal.aborted;
  }

  /**
   * It was removed from the configuration: serves the runs that are still queued.
   *
   * @returns whether they are done; false if it was configured again, or the worker drains
   */
  async leave(limits: LeavingLimits): Promise<boolean> {
    const leaving = new AbortController();
    this.#leaving = leaving;
    await this.#untilUnused(limits, leaving.signal);
    return !leaving.signal.aborted;
  }

  /** Waits for the runs at work, which have deadlines, and releases everything. */
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
      await sleep(POLL_EVERY_MS, signal);
    }
  }

  async #isBusy(): Promise<boolean> {
    try {
      const { waiting, active } = await this.#options.count(this.name);
      return waiting + active > 0;
    } catch {
      // Redis did not answer, so there may be runs. The next poll asks again, until `mostMs`.
      return true;
    }
  }
}
