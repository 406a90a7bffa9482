import type { GatewayConfig } from "@openclaw/config";
import type { RunDeadlines } from "./run-timeouts.ts";

/** Beyond the providers' own limits for a whole run: time for the worker's verdict to arrive. */
const BACKSTOP_MS = 10_000;
/** Beyond a provider's own limits for its silence: time for an outage of Redis, and for another worker. */
const SILENT_BACKSTOP_MS = 60_000;

interface DeadlineOptions extends Pick<GatewayConfig, "providers"> {
  /** For providers that do not say how long a run may wait there. */
  readonly queueTimeoutMs: number;
  /**
   * How long the run may still take, where that is settled: the edge where it began knew better who may come
   * to be asked. Negative where it should have been over.
   */
  readonly leftMs?: number | undefined;
}

/**
 * When this edge ends a run itself, whatever became of its worker, its queue and Redis.
 *
 * @param chain the providers that may come to be asked
 */
export function deadlinesOf(
  chain: readonly string[],
  { providers, queueTimeoutMs, leftMs }: DeadlineOptions,
): RunDeadlines {
  const timeoutsOf = (name: string) => providers[name]?.timeouts;
  const queueMs = (name: string) => timeoutsOf(name)?.queueMs ?? queueTimeoutMs;
  const silenceMs = (name: string) => {
    const { firstTokenMs = 0, stallMs = 0 } = timeoutsOf(name) ?? {};
    return Math.max(firstTokenMs, stallMs) + SILENT_BACKSTOP_MS;
  };
  // Each that may be asked has its own time, and may let the run wait first.
  const limits = chain.map((name) => {
    const { retries = 0, retryWithinMs = 0 } = providers[name] ?? {};
    const once = queueMs(name) + (timeoutsOf(name)?.totalMs ?? 0);
    return once + retries * (once + retryWithinMs);
  });
  const totalMs = leftMs ?? limits.reduce((sum, limit) => sum + limit, BACKSTOP_MS);
  return { queueMs, silenceMs, totalMs: Math.max(0, totalMs) };
}
