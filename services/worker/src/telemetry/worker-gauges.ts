/** The state of a worker, read with each scrape. */
import type { GatewayConfigSource } from "@openclaw/config";
import type { Metrics } from "@openclaw/metrics";
import type { QueueLimits } from "@openclaw/queue";
import type { AnsweredCall } from "@openclaw/stream";

export interface WorkerState {
  readonly gateway: Pick<GatewayConfigSource, "current">;
  /** Attempts at work in this process. */
  readonly attempts: { readonly count: number };
  readonly limits: Pick<QueueLimits, "inForce">;
}

export function registerGauges(metrics: Metrics, { gateway, attempts, limits }: WorkerState): void {
  metrics.gauge("openclaw_active_attempts").from(() => [[{}, attempts.count]]);
  metrics
    .gauge("openclaw_provider_info")
    .from(() =>
      Object.entries(gateway.current.providers).map(([provider, { region, model }]) => [
        { provider, region, model },
        1,
      ]),
    );
  metrics.gauge("openclaw_queue_limit_runs").from(() =>
    Object.entries(gateway.current.providers).flatMap(([provider, { maxConcurrency }]) => {
      const inForce = limits.inForce(provider) ?? maxConcurrency;
      return [
        [{ provider, limit: "configured" }, maxConcurrency] as const,
        [{ provider, limit: "in_force" }, inForce] as const,
      ];
    }),
  );
}

/** @returns to be called with each append call */
export function measureAppends(
  metrics: Metrics,
  onRoundTrip: (afterMs: number) => void,
): (call: AnsweredCall) => void {
  const sizes = metrics.hot("openclaw_append_batch_entries").cell({});
  const fencedChunks = metrics.counter("openclaw_fenced_chunks_total");
  return ({ durationMs, entries, fenced }) => {
    onRoundTrip(durationMs);
    // A call without entries only checks whether the runs are still this worker's.
    if (entries > 0) sizes.observe(entries);
    if (fenced > 0) fencedChunks.inc({}, fenced);
  };
}
