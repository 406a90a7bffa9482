/** Records and logs of single runs that become unreadable. Only the run itself may notice. */
import { StreamKeys } from "@openclaw/stream";
import { Redis } from "ioredis";
import { linger } from "./crowd.ts";
import type { History } from "./history.ts";
import type { Random } from "./random.ts";

const BETWEEN_MS = [5_000, 15_000] as const;
const WITHIN_MS = 5_000;

export interface BrokenRunsContext {
  /** Past the network that is cut. */
  readonly redisUrl: () => string;
  readonly keyPrefix: string;
  /** As long as what is broken stays. */
  readonly windowMs: number;
  readonly random: Random;
  readonly history: History;
  readonly closing: AbortSignal;
}

/** Breaks the record or the log of one streaming run after the other. */
export async function breakRuns(context: BrokenRunsContext): Promise<void> {
  const { random, history, closing } = context;
  for (;;) {
    await linger(random.between(...BETWEEN_MS), closing);
    if (closing.aborted) return;
    const part = random.pick(["record", "log"]);
    const runId = history.toBreak(random);
    if (runId === undefined) continue;
    history.fault(`${part} of one run unreadable`);
    const keys = new StreamKeys({ prefix: context.keyPrefix, partitions: 1 });
    await breakOne(part === "log" ? keys.log(runId) : keys.record(runId), context);
  }
}

/** Another type under its key; a Redis that is away has forgotten or refuses, which is as good. */
async function breakOne(key: string, { redisUrl, windowMs }: BrokenRunsContext): Promise<void> {
  const redis = new Redis(redisUrl(), {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    commandTimeout: WITHIN_MS,
    retryStrategy: () => null,
  });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    await redis.set(key, "unreadable", "PX", windowMs);
  } catch {
    // Away: another one is broken later.
  } finally {
    redis.disconnect();
  }
}
