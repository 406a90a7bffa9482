import type { GatewayConfigSource } from "@openclaw/config";
import type { RunQueues } from "@openclaw/queue";
import type { Component, Logger } from "@openclaw/runtime";
import type { LiveRun } from "../runs/live-run.ts";
import type { LiveRuns } from "../runs/live-runs.ts";
import { together } from "../telemetry/recent-holds.ts";
import type { RunStats } from "../telemetry/run-stats.ts";
import type { ClusterView } from "./cluster-view.ts";
import { forecast, type QueueOutlook } from "./queue-forecast.ts";

/** A waiting client gets a notice at least every 5 s. */
const INTERVAL_MS = 2_000;
/**
 * With fewer ended runs of its own, an edge uses those of all edges to tell how long runs of a provider last.
 */
const ENOUGH_HOLDS = 10;
const MINUTE_MS = 60_000;

export interface QueueNoticesOptions {
  readonly runs: Pick<LiveRuns, "queued" | "agesAt">;
  readonly queues: Pick<RunQueues, "waiting" | "counts">;
  readonly stats: Pick<RunStats, "holds">;
  readonly view: Pick<ClusterView, "holds">;
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly log: Logger;
}

/**
 * Tells each waiting client how many runs are in front of its own, and how long that will take. One read of a queue
 * serves all its runs.
 */
export class QueueNotices implements Component {
  readonly name = "queue notices";
  readonly #options: QueueNoticesOptions;
  #timer: NodeJS.Timeout | undefined;
  #isNotifying = false;

  constructor(options: QueueNoticesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#notifyAll(), INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** If Redis is slow, a round may take longer than the interval. */
  async #notifyAll(): Promise<void> {
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    try {
      await Promise.all([...this.#waiting()].map((one) => this.#tell(...one)));
    } finally {
      this.#isNotifying = false;
    }
  }

  #waiting(): ReadonlyMap<string, readonly LiveRun[]> {
    const byProvider = new Map<string, LiveRun[]>();
    for (const run of this.#options.runs.queued()) {
      const waiting = byProvider.get(run.waitsFor);
      if (waiting) waiting.push(run);
      else byProvider.set(run.waitsFor, [run]);
    }
    return byProvider;
  }

  async #tell(provider: string, waiting: readonly LiveRun[]): Promise<void> {
    const { queues, log } = this.#options;
    try {
      const [ids, { active }] = await Promise.all([
        queues.waiting(provider),
        queues.counts(provider),
      ]);
      this.#notifyWaiting(provider, { waiting, ids, active });
    } catch (error) {
      // A notice is not worth repeating; the next one comes soon.
      log.debug({ provider, err: error }, "queue not read");
    }
  }

  #notifyWaiting(provider: string, { waiting, ids, active }: QueueState): void {
    const order = new Map(ids.map((runId, index) => [runId, index]));
    // A run that is not in the queue is just being taken by a worker.
    const places = waiting.map((run) => [run, order.get(run.runId) ?? 0] as const);
    const count = 1 + places.reduce((last, [, position]) => Math.max(last, position), 0);
    const waitOf = forecast(this.#outlook(provider, active), count);
    for (const [run, position] of places)
      run.notifyPosition(position, Math.round(waitOf(position)));
  }

  #outlook(provider: string, active: number): QueueOutlook {
    const { runs, stats, view, gateway } = this.#options;
    const { maxConcurrency: atOnce = 1, rpm } = gateway.current.providers[provider] ?? {};
    const own = stats.holds(provider);
    return {
      active,
      atOnce,
      ages: runs.agesAt(provider),
      ended: own.count < ENOUGH_HOLDS ? together([own, ...view.holds(provider)]) : own,
      apartMs: rpm === undefined ? 0 : MINUTE_MS / rpm,
    };
  }
}

/** What one read of a queue has shown. */
interface QueueState {
  /** The waiting runs whose clients are on this edge. */
  readonly waiting: readonly LiveRun[];
  /** The waiting runs of the whole cluster, the next one first. */
  readonly ids: readonly string[];
  readonly active: number;
}
