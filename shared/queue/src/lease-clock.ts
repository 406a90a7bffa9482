/**
 * Sees to it that leases of a queue end in time though Redis' clock was set back.
 *
 * Redis keeps when a key expires as a time of its clock. When the clock is set back by a minute, the lease of a
 * worker that died just then lasts a minute longer. The keys that space the looks for such leases and hold the pace
 * of the account last longer, too. So every worker keeps a mark that expires, too. A mark that has more time left
 * than it was given tells by how much the clock went back.
 */
import type { Logger, RedisClient } from "@openclaw/runtime";
import { type QueueNames, queueNames } from "./queue-names.ts";
import { isHedge } from "./run-job.ts";

const MARK_MS = 10_000;
/** BullMQ's name for the length of the window in which so many runs may begin. */
const WINDOW = "duration";
const LONGEST_WINDOW_MS = 60_000;

export interface LeaseClockOptions {
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  readonly provider: string;
  readonly leaseMs: number;
  /** How often one worker of all looks for leases that have expired. */
  readonly lookEveryMs: number;
  /** These runs are at work, and may have been heard of in what is the future now. */
  readonly onSetBack: (runIds: readonly string[]) => Promise<void>;
  readonly log: Logger;
}

/** A key, and how long it may last at most. */
type Bounded = readonly [key: string, mostMs: number];

export class LeaseClock {
  readonly #options: LeaseClockOptions;
  readonly #base: string;
  /** By how much the clock was set back, as far as that has not been made up for. */
  #backMs: number | undefined;
  #isLooking = false;

  constructor(options: LeaseClockOptions) {
    const { prefix, name }: QueueNames = queueNames(options.keyPrefix, options.provider);
    this.#options = options;
    this.#base = `${prefix}:${name}`;
  }

  /** Looks whether the clock was set back since any worker looked. Never throws. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const leftMs = await this.#renewMark();
      if (leftMs > MARK_MS) this.#backMs = (this.#backMs ?? 0) + leftMs - MARK_MS;
      // No look was made for a while, so the clock's step is not known. A mark that lasts too long shows it.
      if (leftMs < 0) this.#backMs ??= 0;
      if (this.#backMs !== undefined) await this.#makeUp(this.#backMs);
      this.#backMs = undefined;
    } catch (error) {
      const { log, provider } = this.#options;
      log.debug({ provider, err: error }, "clock of redis not looked at");
    } finally {
      this.#isLooking = false;
    }
  }

  /** Answers how long the mark would have lasted; negative where there was none. */
  async #renewMark(): Promise<number> {
    const mark = `${this.#base}:clock`;
    const [leftMs] = await this.#ask((pipeline) =>
      pipeline.pttl(mark).set(mark, "1", "PX", MARK_MS),
    );
    return Number(leftMs);
  }

  async #makeUp(backMs: number): Promise<void> {
    const { redis, provider, onSetBack, log } = this.#options;
    const active = await redis.lrange(`${this.#base}:active`, 0, -1);
    const late = await this.#lateAmong(await this.#bounded(active));
    await this.#ask((pipeline) =>
      late.reduce((all, { key, mostMs, leftMs }) => {
        return all.pexpire(key, Math.max(1, Math.min(mostMs, leftMs - backMs)));
      }, pipeline),
    );
    if (backMs === 0 && late.length === 0) return;
    log.warn({ provider, backMs, late: late.length }, "clock of redis was set back");
    await onSetBack(active.filter((jobId) => !isHedge(jobId)));
  }

  async #bounded(active: readonly string[]): Promise<Bounded[]> {
    const { redis, leaseMs, lookEveryMs } = this.#options;
    const windowMs = await redis.hget(`${this.#base}:meta`, WINDOW);
    return [
      [`${this.#base}:stalled-check`, lookEveryMs],
      [`${this.#base}:limiter`, windowMs ? Number(windowMs) : LONGEST_WINDOW_MS],
      ...active.map((jobId): Bounded => [`${this.#base}:${jobId}:lock`, leaseMs]),
    ];
  }

  async #lateAmong(keys: readonly Bounded[]) {
    const left = await this.#ask((pipeline) =>
      keys.reduce((all, [key]) => all.pttl(key), pipeline),
    );
    return keys.flatMap(([key, mostMs], index) => {
      const leftMs = Number(left[index]);
      return leftMs > mostMs ? [{ key, mostMs, leftMs }] : [];
    });
  }

  /** Several commands in one round trip. @throws the first error among them */
  async #ask(fill: (pipeline: Pipeline) => Pipeline): Promise<unknown[]> {
    const answers = await fill(this.#options.redis.pipeline()).exec();
    return (answers ?? []).map(([error, value]) => {
      if (error) throw error;
      return value;
    });
  }
}

type Pipeline = ReturnType<RedisClient["pipeline"]>;
