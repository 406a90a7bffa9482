/**
 * Keeps each provider account's limits written at its queue, where BullMQ holds them for every worker.
 *
 * An account may take less than it was configured for. Its limit is then halved, and raised a little every second
 * until it complains again. The limit is a setting of the queue, so any worker may lower or raise it. Two short-lived
 * keys make a hundred complaints of one moment count as one. A further key says how long an account is to be left
 * alone. Every worker reads it within a second. The queue itself goes on, so that its runs can move to another
 * provider.
 */
import { type Component, type Logger, type RedisClient, retryFor } from "@openclaw/runtime";
import { type QueueLimit, type RunQueues, rateOf } from "./run-queues.ts";

const WRITE_WITHIN_MS = 10_000;
/** An operator may also empty a Redis that stays connected. */
const LOOK_EVERY_MS = 1_000;
/**
 * Complaints within this time count as one: it shows whether the lower limit has helped. The limit rises by a tenth
 * every second. So an account that complains now and then keeps most of its limit, and an account that never stops
 * complaining keeps some of it.
 */
const LOWER_EVERY_MS = 1_000;
const RAISE_EVERY_MS = 1_000;
/** How long a lowered limit stays at least. */
const STAYS_LOW_MS = 500;
const RAISE_BY = 0.1;

export interface QueueLimitsOptions {
  /** The connection of the queues: each time it is made, it may lead to a Redis that came back empty. */
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  readonly queues: RunQueues;
  /** By provider, as they are configured now. */
  readonly limits: () => Readonly<Record<string, QueueLimit>>;
  /** An account wants to be left alone for so long. */
  readonly onRest: (provider: string, forMs: number) => void;
  readonly log: Logger;
}

export class QueueLimits implements Component {
  readonly name = "queue limits";
  readonly #options: QueueLimitsOptions;
  readonly #again = () => void this.#updateAgain();
  readonly #inForce = new Map<string, number>();
  #updating = false;
  #looking: NodeJS.Timeout | undefined;

  constructor(options: QueueLimitsOptions) {
    this.#options = options;
  }

  /** Most runs of a provider at once, over the whole cluster, as of a second ago; undefined where it was not read yet. */
  inForce(provider: string): number | undefined {
    return this.#inForce.get(provider);
  }

  async start(): Promise<void> {
    await this.#write();
    this.#options.redis.on("ready", this.#again);
    this.#looking = setInterval(this.#again, LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#looking);
    this.#options.redis.off("ready", this.#again);
  }

  /**
   * The account complained of too many requests: fewer at once are begun from then on, in the whole
   * cluster. Never throws.
   *
   * @param restMs how long it wants to be left alone, where it said so
   */
  async slowDown(provider: string, restMs: number | undefined): Promise<void> {
    const { log } = this.#options;
    try {
      if (restMs !== undefined) await this.#rest(provider, restMs);
      if (await this.#take(`${provider}:lower`, LOWER_EVERY_MS)) await this.#lower(provider);
    } catch (error) {
      // The next complaint tries again; the run that brought this one has its own way to go on.
      log.debug({ provider, err: error }, "pace of a provider not lowered");
    }
  }

  /** Writes the limits as they are configured now. Resolves within 10 s, written or reported. */
  async update(): Promise<void> {
    try {
      await retryFor(() => this.#write(), WRITE_WITHIN_MS);
    } catch (error) {
      this.#options.log.warn({ err: error }, "limits of the queues not written");
    }
  }

  async #rest(provider: string, forMs: number): Promise<void> {
    const { redis } = this.#options;
    const key = this.#key(`${provider}:rest`);
    const isNew = await redis.set(key, "1", "PX", Math.max(1, Math.round(forMs)), "NX");
    // A longer rest that was asked for before stays.
    if (isNew === null) await redis.pexpire(key, Math.round(forMs), "GT");
  }

  async #lower(provider: string): Promise<void> {
    const { redis, queues, log } = this.#options;
    await redis.set(this.#key(`${provider}:raise`), "1", "PX", STAYS_LOW_MS);
    const [{ maxConcurrency }, { active }] = await Promise.all([
      queues.limitOf(provider),
      queues.counts(provider),
    ]);
    const lowered = Math.max(1, Math.floor(Math.min(maxConcurrency ?? active, active) / 2));
    await queues.limitConcurrency(provider, lowered);
    log.warn({ provider, maxConcurrency: lowered }, "provider asked for fewer at once");
  }

  async #updateAgain(): Promise<void> {
    if (this.#updating) return;
    this.#updating = true;
    await this.update();
    this.#updating = false;
  }

  async #write(): Promise<void> {
    const limits = Object.entries(this.#options.limits());
    await Promise.all(limits.map((limit) => this.#adjust(...limit)));
  }

  async #adjust(provider: string, { maxConcurrency, rpm }: QueueLimit): Promise<void> {
    const { queues, redis, onRest } = this.#options;
    const [now, restMs] = await Promise.all([
      queues.limitOf(provider),
      redis.pttl(this.#key(`${provider}:rest`)),
    ]);
    if (restMs > 0) onRest(provider, restMs);
    const rate = rateOf(rpm);
    if (now.rate?.max !== rate?.max || now.rate?.durationMs !== rate?.durationMs) {
      await queues.limitRate(provider, rate);
    }
    this.#inForce.set(provider, Math.min(now.maxConcurrency ?? maxConcurrency, maxConcurrency));
    if (now.maxConcurrency === undefined || now.maxConcurrency > maxConcurrency) {
      await queues.limitConcurrency(provider, maxConcurrency);
    } else if (now.maxConcurrency < maxConcurrency) await this.#raise(provider, maxConcurrency);
  }

  async #raise(provider: string, most: number): Promise<void> {
    const { queues } = this.#options;
    if (!(await this.#take(`${provider}:raise`, RAISE_EVERY_MS))) return;
    // Read again: another worker may have lowered it since.
    const { maxConcurrency = 0 } = await queues.limitOf(provider);
    const raised = maxConcurrency + Math.ceil(most * RAISE_BY);
    await queues.limitConcurrency(provider, Math.min(raised, most));
  }

  /** Whether this process may act now; no other process may for so long. */
  async #take(what: string, forMs: number): Promise<boolean> {
    return (await this.#options.redis.set(this.#key(what), "1", "PX", forMs, "NX")) === "OK";
  }

  #key(what: string): string {
    return `${this.#options.keyPrefix}pace:${what}`;
  }
}
