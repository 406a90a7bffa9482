import type { GatewayConfig } from "@openclaw/config";
import type { RunDeadlines } from "./run-timeouts.ts";

/** Added to the providers' limits for a whole run: time for the worker's terminal to arrive. */
const BACKSTOP_MS = 10_000;
/**
 * Added to a provider's limits for its silence: time for an outage of Redis, and for another worker.
 */
const SILENT_BACKSTOP_MS = 60_000;

interface DeadlineOptions extends Pick<GatewayConfig, "providers"> {
  /** For providers without a limit of their own for waiting. */
  readonly queueTimeoutMs: number;
  /**
   * How long the run may still take, if that is decided. The edge where the run began knows its chain better.
   * Negative if the run should be over.
   */
  readonly leftMs?: number | undefined;
}

/**
 * When this edge ends a run itself, even if its worker, its queue or Redis fails.
 *
 * @param chain the providers that may be asked
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
  // Each provider has its own time, and the run may wait for it first.
  const limits = chain.map((name) => {
    const { retries = 0, retryWithinMs = 0 } = providers[name] ?? {};
    const once = queueMs(name) + (timeoutsOf(name)?.totalMs ?? 0);
    return once + retries * (once + retryWithinMs);
  });
  const totalMs = leftMs ?? limits.reduce((sum, limit) => sum + limit, BACKSTOP_MS);
  return { queueMs, silenceMs, totalMs: Math.max(0, totalMs) };
}
