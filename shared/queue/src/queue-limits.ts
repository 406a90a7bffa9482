import { type Logger, type Part, persist } from "@openclaw/runtime";
import type { Redis } from "ioredis";
import type { RunQueues } from "./run-queues.ts";

const WRITE_WITHIN_MS = 10_000;
/** Somebody may also empty a Redis that stays connected. */
const WRITE_EVERY_MS = 30_000;

export interface QueueLimitsOptions {
  /** The connection of the queues: each time it is made, it may lead to a Redis that came back empty. */
  readonly redis: Redis;
  readonly queues: RunQueues;
  /** Most runs at once in the whole cluster, by provider. */
  readonly limits: Readonly<Record<string, number>>;
  readonly log: Logger;
}

/** Keeps each provider's limit written at its queue, where it holds for every worker. */
export class QueueLimits implements Part {
  readonly name = "queue limits";
  readonly #options: QueueLimitsOptions;
  readonly #again = () => void this.#writeAgain();
  #writing: NodeJS.Timeout | undefined;

  constructor(options: QueueLimitsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#write();
    this.#options.redis.on("ready", this.#again);
    this.#writing = setInterval(this.#again, WRITE_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#writing);
    this.#options.redis.off("ready", this.#again);
  }

  async #write(): Promise<void> {
    const { queues, limits } = this.#options;
    for (const [provider, limit] of Object.entries(limits)) await queues.limit(provider, limit);
  }

  async #writeAgain(): Promise<void> {
    try {
      await persist(() => this.#write(), WRITE_WITHIN_MS);
    } catch (error) {
      this.#options.log.warn({ err: error }, "limits of the queues not written");
    }
  }
}
