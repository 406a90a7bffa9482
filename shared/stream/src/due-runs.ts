/**
 * The background runs of the cluster, by when they must be over. The edge that took one sees to that, and
 * may die; so every edge looks now and then.
 *
 * Every method may throw what the connection throws, and may be repeated without harm.
 */
import type { RedisClient } from "@openclaw/runtime";
import type { StreamKeys } from "./keys.ts";
import { Script } from "./script.ts";

/** Of one partition at a time; the rest are found when these are off the list. */
const MOST_AT_ONCE = 64;

export class DueRuns {
  static readonly #overdue = new Script("overdue");

  readonly #redis: RedisClient;
  readonly #keys: StreamKeys;

  constructor(redis: RedisClient, keys: StreamKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Ids of runs that must be over by now; most of them are. */
  async overdue(): Promise<string[]> {
    const replies = await Promise.all(
      this.#keys.dues.map((key) => DueRuns.#overdue.run(this.#redis, [key], [MOST_AT_ONCE])),
    );
    // The shape is the script's own.
    return (replies as string[][]).flat();
  }

  /** Takes a run off the list: it is over. */
  async forget(runId: string): Promise<void> {
    await this.#redis.zrem(this.#keys.due(runId), runId);
  }
}
