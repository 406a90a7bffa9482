/**
 * The edge's side of the queues: one per provider, so that a provider at its limit holds up nobody
 * else's runs.
 */
import type { Part } from "@openclaw/runtime";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { queueNames } from "./queue-names.ts";
import type { RunJob } from "./run-job.ts";

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

export interface RunQueuesOptions {
  /** A command connection: adding a run fails within its deadline rather than waiting. */
  readonly redis: Redis;
  readonly keyPrefix: string;
  readonly providers: readonly string[];
}

export class RunQueues implements Part {
  readonly name = "run queues";
  readonly #options: RunQueuesOptions;
  readonly #queues = new Map<string, Queue>();

  constructor(options: RunQueuesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { redis, keyPrefix, providers } = this.#options;
    for (const provider of providers) {
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
      await queue.waitUntilReady();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.#queues.clear();
  }

  /** Whether this process knows a provider's queue. */
  has(provider: string): boolean {
    return this.#queues.has(provider);
  }

  /** Puts a run on its provider's queue. Adding the same run again changes nothing. */
  async add(job: RunJob): Promise<void> {
    await this.#queue(job.provider).add("run", job, { jobId: job.runId });
  }

  /** Takes a run off the queue if it still waits there. */
  async remove(provider: string, runId: string): Promise<void> {
    await this.#queue(provider).remove(runId);
  }

  /** Holds the provider's limit over the whole cluster. */
  async limit(provider: string, maxConcurrency: number): Promise<void> {
    await this.#queue(provider).setGlobalConcurrency(maxConcurrency);
  }

  /** Ids of the runs that wait, the next to go first; of a very long queue its front. */
  async waiting(provider: string): Promise<string[]> {
    const { redis, keyPrefix } = this.#options;
    const { prefix, name } = queueNames(keyPrefix, provider);
    // BullMQ pushes on the left and takes from the right.
    const ids = await redis.lrange(`${prefix}:${name}:wait`, -MOST_LISTED, -1);
    return ids.reverse();
  }

  async counts(provider: string): Promise<QueueCounts> {
    const counts = await this.#queue(provider).getJobCounts("wait", "active", "delayed");
    const { wait = 0, delayed = 0, active = 0 } = counts;
    return { waiting: wait + delayed, active };
  }

  #queue(provider: string): Queue {
    const queue = this.#queues.get(provider);
    if (!queue) throw new Error(`no queue for provider ${provider}`);
    return queue;
  }
}
