/** What this edge knows of the runs it ended, in a form that adds up over the cluster. */

import { type LatencyCounts, LatencyHistogram, RecentLatency } from "@openclaw/metrics";
import type { ConnectionLabel } from "@openclaw/protocol";
import type { EndedRun } from "./live-run.ts";
import { isFaultOfRequest, seenOf } from "./seen-run.ts";

/** Latency counts by provider, then by connection. */
export type LatencyByProvider = Readonly<
  Record<string, Partial<Record<ConnectionLabel, RunLatency<LatencyCounts>>>>
>;

export interface RunLatency<T> {
  /** From accepted to the first text handed to the socket. */
  readonly firstText: T;
  /** From accepted to the end of a completed run. */
  readonly whole: T;
}

export class RunStats {
  readonly #latency = new Map<string, Map<ConnectionLabel, RunLatency<RecentLatency>>>();
  #totals: Record<string, number> = {};

  record(run: EndedRun): void {
    const { provider, answeredBy = provider, terminal, phases, isStreamed } = run;
    this.#totals[terminal.type] = (this.#totals[terminal.type] ?? 0) + 1;
    const { shownMs, leftMs, endedMs } = seenOf(run);
    const isFailure = terminal.type === "failed" && !isFaultOfRequest(terminal);
    if (shownMs === undefined && endedMs === undefined && !isFailure) return;
    // A cold one is to be proven.
    const { firstText, whole } = this.#of(answeredBy, phases.attempt?.connection ?? "warm");
    if (isStreamed && shownMs !== undefined) firstText.record(shownMs);
    else if (isStreamed && isFailure && leftMs === undefined) firstText.recordFailure();
    if (endedMs !== undefined) whole.record(endedMs);
    else if (isFailure) whole.recordFailure();
  }

  /** The median duration of a provider's recent runs. */
  usualRunMs(provider: string): number | undefined {
    const all = new LatencyHistogram();
    for (const { whole } of this.#latency.get(provider)?.values() ?? []) all.merge(whole.counts());
    return all.count > 0 ? all.quantile(0.5) : undefined;
  }

  /** Runs ended since the last call, by how they ended. */
  takeTotals(): Record<string, number> {
    const totals = this.#totals;
    this.#totals = {};
    return totals;
  }

  latency(): LatencyByProvider {
    return Object.fromEntries(
      [...this.#latency].map(([provider, byConnection]) => [
        provider,
        Object.fromEntries(
          [...byConnection].map(([connection, { firstText, whole }]) => [
            connection,
            { firstText: firstText.counts(), whole: whole.counts() },
          ]),
        ),
      ]),
    );
  }

  #of(provider: string, connection: ConnectionLabel): RunLatency<RecentLatency> {
    const byConnection = this.#latency.get(provider) ?? new Map();
    this.#latency.set(provider, byConnection);
    const latency = byConnection.get(connection) ?? {
      firstText: new RecentLatency(),
      whole: new RecentLatency(),
    };
    byConnection.set(connection, latency);
    return latency;
  }
}
