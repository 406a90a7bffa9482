import type { GatewayConfigSource } from "@openclaw/config";
import type { RunQueues } from "@openclaw/queue";
import type { Logger, Part } from "@openclaw/runtime";
import type { LiveRun } from "./live-run.ts";
import type { LiveRuns } from "./live-runs.ts";
import type { RunStats } from "./run-stats.ts";

/** A client that waits hears of it at least every 5 s. */
const INTERVAL_MS = 2_000;
/** Where no run of a provider has ended yet, one is taken to last so long. */
const USUAL_RUN_MS = 3_000;
const MINUTE_MS = 60_000;

export interface QueueNoticesOptions {
  readonly runs: Pick<LiveRuns, "queued">;
  readonly queues: Pick<RunQueues, "waiting">;
  readonly stats: Pick<RunStats, "usualRunMs">;
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly log: Logger;
}

/** Tells clients whose runs wait how many are in front of them: one look at a queue for all of its runs. */
export class QueueNotices implements Part {
  readonly name = "queue notices";
  readonly #options: QueueNoticesOptions;
  #timer: NodeJS.Timeout | undefined;
  #isTelling = false;

  constructor(options: QueueNoticesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#tellAll(), INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** Where Redis is slow, a round may take longer than the time between two. */
  async #tellAll(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      await Promise.all([...this.#waiting()].map((one) => this.#tell(...one)));
    } finally {
      this.#isTelling = false;
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
      this.#tellPlaces(provider, waiting, await queues.waiting(provider));
    } catch (error) {
      // A notice is not worth repeating; the next one comes soon.
      log.debug({ provider, err: error }, "queue not read");
    }
  }

  #tellPlaces(provider: string, waiting: readonly LiveRun[], ids: readonly string[]): void {
    const { stats, gateway } = this.#options;
    const order = new Map(ids.map((runId, index) => [runId, index]));
    const { maxConcurrency: atOnce = 1, rpm } = gateway.current.providers[provider] ?? {};
    const apartMs = rpm === undefined ? 0 : MINUTE_MS / rpm;
    const runMs = stats.usualRunMs(provider) ?? USUAL_RUN_MS;
    for (const run of waiting) {
      // Not in the queue: a worker is just taking it.
      const position = order.get(run.runId) ?? 0;
      const turns = position + 1;
      run.tellQueued(position, Math.round(turns * Math.max(runMs / atOnce, apartMs)));
    }
  }
}
