/** Leftovers that must be gone once all users have left. */
import { eventually } from "@openclaw/testing";
import { Redis } from "ioredis";
import { CLOCK_SET_BACK, CLOCK_SET_BACK_MS } from "./faults.ts";
import type { History } from "./history.ts";

const SETTLE_MS = 30_000;

export interface LeftoverOptions {
  readonly redisUrl: string;
  readonly keyPrefix: string;
  readonly resumeWindowMs: number;
  /** Requests the providers still answer. */
  readonly upstreams: () => number;
  readonly history: History;
}

/** Every upstream request, job and key of a run. */
export async function judgeLeftovers(options: LeftoverOptions): Promise<void> {
  const { redisUrl, keyPrefix, resumeWindowMs, upstreams, history } = options;
  await eventually("the last upstream to close", () => upstreams() === 0, {
    withinMs: SETTLE_MS,
  }).catch(() => history.violate("upstream left open", `${upstreams()} of them`));
  const redis = new Redis(redisUrl);
  try {
    const jobs = () => redis.keys(`${keyPrefix}{queue-*}:runs:????????-*`);
    await eventually("the last job to go", async () => (await jobs()).length === 0, {
      withinMs: SETTLE_MS,
      everyMs: 200,
    }).catch(async () => {
      for (const key of await jobs()) history.violate("job left behind", key);
    });
    const left = () => keysLeft(redis, { keyPrefix, history });
    const wasSetBack = history.injected.some(({ kind }) => kind === CLOCK_SET_BACK);
    await eventually("the last key to go", async () => (await left()).length === 0, {
      withinMs: resumeWindowMs + SETTLE_MS + (wasSetBack ? CLOCK_SET_BACK_MS : 0),
      everyMs: 500,
    }).catch(async () => {
      for (const key of await left()) history.violate("key left behind", key);
    });
  } finally {
    redis.disconnect();
  }
}

/**
 * Records and logs of runs, except records of runs that never came onto a queue and were not accepted. An edge that is
 * killed between the two steps leaves such a record, which expires by itself.
 */
async function keysLeft(
  redis: Redis,
  { keyPrefix, history }: Pick<LeftoverOptions, "keyPrefix" | "history">,
): Promise<string[]> {
  const keys = await redis.keys(`${keyPrefix}{0}:*`);
  const left: string[] = [];
  for (const key of keys) {
    // A broken key stays as long as the fault made it.
    if (history.isBroken(key.slice(key.lastIndexOf(":") + 1))) continue;
    const expiresInMs = await redis.pttl(key);
    const [, runId = ""] = key.split(":run:");
    const isPromised = runId === "" || history.accepted.has(runId);
    const isUnbegun = !isPromised && (await redis.hget(key, "epoch")) === "0";
    if (expiresInMs === -1) left.push(`${key} without an expiry`);
    else if (!isUnbegun && expiresInMs !== -2) left.push(`${key} for ${expiresInMs} ms`);
  }
  return left;
}
