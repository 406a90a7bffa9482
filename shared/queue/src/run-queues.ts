/**
 * The edge's side of the queues: one per provider, so that a provider at its limit delays no run of another.
 */
import type { Component, RedisClient } from "@openclaw/runtime";
import { Queue } from "bullmq";
import { queueNames } from "./queue-names.ts";
import { isHedge, jobIdOf, type RunJob, writeJob } from "./run-job.ts";

/** A processor that throws (Redis away, a bug) is tried again this often; text is never repeated. */
const ATTEMPTS = 10;
const RETRY_DELAY_MS = 500;
/** BullMQ writes an event for each step of a job into a stream that nothing here reads. */
const KEPT_EVENTS = 1;

/** Bounds what one look at a queue costs. */
const MOST_LISTED = 10_000;

export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
}

/** What an account may be asked for, as it is configured. */
export interface QueueLimit {
  readonly maxConcurrency: number;
  /** Most runs begun in any 60 s. */
  readonly rpm?: number | undefined;
}

/** `max` runs in each window of `durationMs`, which begins with its first run. */
export interface QueueRate {
  readonly max: number;
  readonly durationMs: number;
}

export interface WrittenLimit {
  readonly maxConcurrency: number | undefined;
  readonly rate: QueueRate | undefined;
}

const MINUTE_MS = 60_000;
const WINDOW_MS = 5_000;
/** Of windows that short, this many may touch one minute. */
const WINDOWS_A_MINUTE = MINUTE_MS / WINDOW_MS + 1;

/**
 * A rate that keeps any 60 s within `rpm`. One window a minute would let twice as many through around
 * its end, and have users wait for most of a minute after a burst.
 */
export function rateOf(rpm: number | undefined): QueueRate | undefined {
  if (rpm === undefined) return undefined;
  const max = Math.floor(rpm / WINDOWS_A_MINUTE);
  // One after the other, evenly.
  return max > 1
    ? { max, durationMs: WINDOW_MS }
    : { max: 1, durationMs: Math.ceil(MINUTE_MS / rpm) };
}

export interface RunQueuesOptions {
  /** A command connection: adding a run fails within its deadline rather than waiting. */
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  /** Whose queues are opened at the start. Which providers there are may change later. */
  readonly providers: () => readonly string[];
}

export class RunQueues implements Component {
  readonly name = "run queues";
  readonly #options: RunQueuesOptions;
  readonly #queues = new Map<string, Queue>();

  constructor(options: RunQueuesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    for (const provider of this.#options.providers()) {
      await this.#queue(provider).waitUntilReady();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.#queues.clear();
  }

  /** Whether this process knows of a provider: a run on its queue will be taken, if not at once. */
  has(provider: string): boolean {
    return this.#options.providers().includes(provider);
  }

  /** Puts a run on its provider's queue. Adding the same run again changes nothing. */
  async add(job: RunJob): Promise<void> {
    await this.#queue(job.provider).add("run", writeJob(job), { jobId: jobIdOf(job) });
  }

  /** Whether one of these providers' queues has the job: it waits, is put off, or is at work. */
  async holds(
    providers: readonly string[],
    job: Pick<RunJob, "runId" | "hedges">,
  ): Promise<boolean> {
    const { redis, keyPrefix } = this.#options;
    const found = await Promise.all(
      providers.map((provider) => {
        const { name, prefix } = queueNames(keyPrefix, provider);
        return redis.exists(`${prefix}:${name}:${jobIdOf(job)}`);
      }),
    );
    return found.includes(1);
  }

  /** Takes a run off the queue if it still waits there. */
  async remove(provider: string, runId: string): Promise<void> {
    await this.#queue(provider).remove(runId);
  }

  /** Most runs of this provider at once, over the whole cluster. */
  async limitConcurrency(provider: string, maxConcurrency: number): Promise<void> {
    await this.#queue(provider).setGlobalConcurrency(maxConcurrency);
  }

  /** Most runs of this provider begun in a window of time, over the whole cluster. */
  async limitRate(provider: string, rate: QueueRate | undefined): Promise<void> {
    const queue = this.#queue(provider);
    if (rate) await queue.setGlobalRateLimit(rate.max, rate.durationMs);
    else await queue.removeGlobalRateLimit();
  }

  /** The limits as they are written now; undefined where none is. */
  async limitOf(provider: string): Promise<WrittenLimit> {
    const queue = this.#queue(provider);
    const [concurrency, rate] = await Promise.all([
      queue.getGlobalConcurrency(),
      queue.getGlobalRateLimit(),
    ]);
    return {
      maxConcurrency: concurrency ?? undefined,
      rate: rate ? { max: rate.max, durationMs: rate.duration } : undefined,
    };
  }

  /** Ids of the runs that wait, the next to go first; of a very long queue its front. */
  async waiting(provider: string): Promise<string[]> {
    const { redis, keyPrefix } = this.#options;
    const { prefix, name } = queueNames(keyPrefix, provider);
    // BullMQ pushes on the left and takes from the right.
    const ids = await redis.lrange(`${prefix}:${name}:wait`, -MOST_LISTED, -1);
    // A hedge does not wait behind other runs: its run is being answered already.
    return ids.reverse().filter((id) => !isHedge(id));
  }

  async counts(provider: string): Promise<QueueCounts> {
    const counts = await this.#queue(provider).getJobCounts("wait", "active", "delayed");
    const { wait = 0, delayed = 0, active = 0 } = counts;
    return { waiting: wait + delayed, active };
  }

  /**
   * The queue of any provider. Other processes may know a provider that is not known here yet, and the runs of a
   * removed provider must still be removed.
   */
  #queue(provider: string): Queue {
    const open = this.#queues.get(provider);
    if (open) return open;
    const { redis, keyPrefix } = this.#options;
    const { name, prefix } = queueNames(keyPrefix, provider);
    const queue = new Queue(name, {
      prefix,
      connection: redis,
      skipWaitingForReady: true,
      streams: { events: { maxLen: KEPT_EVENTS } },
      defaultJobOptions: {
        attempts: ATTEMPTS,
        backoff: { type: "fixed", delay: RETRY_DELAY_MS },
        removeOnComplete: true,
        removeOnFail: true,
      },
    });
    // The connection reports its own errors, once per outage.
    queue.on("error", () => undefined);
    this.#queues.set(provider, queue);
    return queue;
  }
}
