/** The figures of the runs that this edge ended, in a form that adds up over the cluster. */

import { type LatencyCounts, RecentLatency } from "@openclaw/metrics";
import type { ConnectionLabel } from "@openclaw/protocol";
import type { EndedRun } from "../runs/ended-run.ts";
import type { EndedHolds } from "./hold-times.ts";
import { RecentHolds } from "./recent-holds.ts";
import { isFaultOfRequest, userTimesOf } from "./user-times.ts";

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
  readonly #holds = new Map<string, RecentHolds>();
  #totals: Record<string, number> = {};

  record(run: EndedRun): void {
    const { provider, answeredBy = provider, terminal, phases, isStreamed } = run;
    this.#totals[terminal.type] = (this.#totals[terminal.type] ?? 0) + 1;
    this.#recordHolds(run);
    const { shownMs, leftMs, endedMs } = userTimesOf(run);
    const isFailure = terminal.type === "failed" && !isFaultOfRequest(terminal);
    if (shownMs === undefined && endedMs === undefined && !isFailure) return;
    // An unknown connection counts as warm.
    const { firstText, whole } = this.#of(answeredBy, phases.attempt?.connection ?? "warm");
    if (isStreamed && shownMs !== undefined) firstText.record(shownMs);
    else if (isStreamed && isFailure && leftMs === undefined) firstText.recordFailure();
    if (endedMs !== undefined) whole.record(endedMs);
    else if (isFailure) whole.recordFailure();
  }

  /** How long runs of a provider that ended here had their places. */
  holds(provider: string): EndedHolds {
    return this.#holds.get(provider)?.ended ?? { count: 0, ms: [] };
  }

  /** Likewise for every provider, in short. */
  allHolds(): Record<string, EndedHolds> {
    return Object.fromEntries(
      [...this.#holds].map(([provider, { inShort }]) => [provider, inShort]),
    );
  }

  /** Runs that ended since the last call, by how they ended. */
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

  #recordHolds({ edgePhases }: EndedRun): void {
    for (const { provider, ms } of edgePhases.holds) {
      const holds = this.#holds.get(provider) ?? new RecentHolds();
      this.#holds.set(provider, holds);
      holds.add(ms);
    }
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
