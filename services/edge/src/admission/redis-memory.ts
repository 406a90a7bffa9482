/**
 * How full Redis is. With `noeviction` a full one goes on answering pings and refuses what would be new: every run
 * after that fails, so somebody has to know before.
 *
 * Asked in the background and apart from everything else: a managed Redis may forbid `INFO`, and nothing may
 * wait for an answer that only a graph needs.
 */
import type { Component, Logger, RedisClient } from "@openclaw/runtime";

const LOOK_EVERY_MS = 5_000;
/** What is older says nothing any more. */
const STALE_MS = 15_000;

/** Of one master. */
export interface MemoryUse {
  /** What counts towards the limit; buffers of replicas and of the log on disk do not. */
  readonly usedBytes: number;
  /** `maxmemory`; undefined where there is none. */
  readonly maxBytes: number | undefined;
}

export interface RedisMemoryOptions {
  /** A command connection: what it is asked fails within its deadline. */
  readonly redis: RedisClient;
  readonly log: Logger;
}

export class RedisMemory implements Component {
  readonly name = "redis memory";
  readonly #options: RedisMemoryOptions;
  #looking: NodeJS.Timeout | undefined;
  #isAsking = false;
  #fullest: MemoryUse | undefined;
  #seenAt = Number.NEGATIVE_INFINITY;

  constructor(options: RedisMemoryOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    void this.#look();
    this.#looking = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#looking);
  }

  /** Of the master that is the fullest: runs of its partitions fail first. Undefined where it is not known (any more). */
  get fullest(): MemoryUse | undefined {
    return performance.now() - this.#seenAt > STALE_MS ? undefined : this.#fullest;
  }

  async #look(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { redis, log } = this.#options;
    try {
      const masters = "nodes" in redis ? redis.nodes("master") : [redis];
      const asked = masters.map(async (master) => memoryIn(await master.info("memory")));
      const known = (await Promise.allSettled(asked)).flatMap((answer) => {
        if (answer.status === "fulfilled") return [answer.value];
        // That one does not answer is told elsewhere; the others may be full all the same.
        log.debug({ err: answer.reason }, "memory of redis not read");
        return [];
      });
      if (known.length === 0) return;
      this.#fullest = fullestOf(known);
      this.#seenAt = performance.now();
    } finally {
      this.#isAsking = false;
    }
  }
}

/** What `INFO memory` says. @throws RangeError where it says nothing of it */
export function memoryIn(info: string): MemoryUse {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1]);
  const used = field("used_memory");
  const max = field("maxmemory");
  if (Number.isNaN(used) || Number.isNaN(max)) throw new RangeError("no INFO memory");
  const uncounted = field("mem_not_counted_for_evict") || 0;
  return { usedBytes: used - uncounted, maxBytes: max === 0 ? undefined : max };
}

/** One without a limit is never full; among such, the largest. */
export function fullestOf(masters: readonly MemoryUse[]): MemoryUse | undefined {
  const share = ({ usedBytes, maxBytes = Number.POSITIVE_INFINITY }: MemoryUse) =>
    usedBytes / maxBytes;
  return masters.toSorted((a, b) => share(b) - share(a) || b.usedBytes - a.usedBytes)[0];
}
