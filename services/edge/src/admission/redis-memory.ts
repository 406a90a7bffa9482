/**
 * Knows how full Redis is. With `noeviction`, a full Redis still answers pings but refuses new data. Every run
 * after that fails, so the edge must know before.
 *
 * It is read in the background, apart from everything else. A managed Redis may forbid `INFO`, and no request may
 * wait for this answer.
 */
import type { Component, Logger, RedisClient } from "@openclaw/runtime";

const LOOK_EVERY_MS = 5_000;
/** An older answer is not used. */
const STALE_MS = 15_000;

/** Of one master. */
export interface MemoryUse {
  /**
   * The bytes that count towards the limit. Buffers of replicas and of the log on disk do not count.
   */
  readonly usedBytes: number;
  /** `maxmemory`; undefined if it is not set. */
  readonly maxBytes: number | undefined;
}

export interface RedisMemoryOptions {
  /** A command connection: each command fails within its deadline. */
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

  /** Of the fullest master: the runs of its partitions fail first. Undefined if it is unknown. */
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
        // Other parts report a master that does not answer. The others may still be full.
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

/**
 * Reads the answer of `INFO memory`.
 *
 * @throws RangeError if a field is missing
 */
export function memoryIn(info: string): MemoryUse {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1]);
  const used = field("used_memory");
  const max = field("maxmemory");
  if (Number.isNaN(used) || Number.isNaN(max)) throw new RangeError("no INFO memory");
  const uncounted = field("mem_not_counted_for_evict") || 0;
  return { usedBytes: used - uncounted, maxBytes: max === 0 ? undefined : max };
}

/** A master without a limit is never full. Of several such masters, the largest counts. */
export function fullestOf(masters: readonly MemoryUse[]): MemoryUse | undefined {
  const share = ({ usedBytes, maxBytes = Number.POSITIVE_INFINITY }: MemoryUse) =>
    usedBytes / maxBytes;
  return masters.toSorted((a, b) => share(b) - share(a) || b.usedBytes - a.usedBytes)[0];
}
