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
  readonly runs: LiveRuns;
  readonly queues: RunQueues;
  readonly stats: RunStats;
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly log: Logger;
}

/** Tells clients whose runs wait how many are in front of them: one look at a queue for all of its runs. */
export class QueueNotices implements Part {
  readonly name = "queue notices";
  readonly #options: QueueNoticesOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: QueueNoticesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#tellAll(), INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  async #tellAll(): Promise<void> {
    const { runs, log } = this.#options;
    const byProvider = new Map<string, LiveRun[]>();
    for (const run of runs.queued()) {
      byProvider.set(run.waitsFor, [...(byProvider.get(run.waitsFor) ?? []), run]);
    }
    for (const [provider, waiting] of byProvider) {
      try {
        await this.#tell(provider, waiting);
      } catch (error) {
        // A notice is not worth repeating; the next one comes soon.
        log.debug({ provider, err: error }, "queue not read");
      }
    }
  }

  async #tell(provider: string, waiting: readonly LiveRun[]): Promise<void> {
    const { queues, stats, gateway } = this.#options;
    const order = new Map((await queues.waiting(provider)).map((runId, index) => [runId, index]));
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
