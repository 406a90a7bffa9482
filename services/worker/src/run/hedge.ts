/**
 * A run whose provider has not begun to speak is put on the next provider's queue as well; who speaks
 * first answers. Over the queue, so that the limit of that provider holds for hedges as for any run.
 *
 * It costs a second purchase, so only a share of runs may be hedged: on a day on which everything is
 * slow, hedging everything would double the load that makes it slow.
 */
import type { RunJob, RunQueues } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { ProviderClient } from "../provider/provider-client.ts";
import type { AttemptClock } from "../telemetry/attempt-clock.ts";
import type { AttemptTally } from "../telemetry/attempt-counts.ts";
import { jobAt, nextOf } from "./fail-over.ts";

/** Late runs come in clusters: what was not used is kept for so many of them. */
const MOST_SAVED = 10;
/** What a new process may begin with. */
const SAVED_AT_FIRST = 3;

export class HedgeBudget {
  readonly #share: () => number;
  #saved = SAVED_AT_FIRST;

  /** @param share of all runs that may be hedged, 0 to 1, as it is configured now */
  constructor(share: () => number) {
    this.#share = share;
  }

  /** A run begins, which adds its share. */
  note(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#share());
  }

  /** Whether one may be hedged now; if so, that is used. */
  take(): boolean {
    if (this.#saved < 1 || this.#share() === 0) return false;
    this.#saved -= 1;
    return true;
  }
}

export interface HedgeContext {
  readonly provider: Pick<ProviderClient, "config">;
  readonly queues: Pick<RunQueues, "add" | "has">;
  readonly hedges: HedgeBudget;
  readonly counts: AttemptTally;
  readonly epoch: number;
  readonly clock: AttemptClock;
  readonly log: Logger;
}

/** Asks the next provider as well once this one is late. Call what it gives when nobody is waiting any more. */
export function hedgeWhenLate(job: RunJob, context: HedgeContext): () => void {
  const { hedgeAfterMs } = context.provider.config;
  const next = nextOf(job, context.queues);
  if (hedgeAfterMs === undefined || next === undefined) return () => undefined;
  const timer = setTimeout(() => void hedge(job, next, context), hedgeAfterMs);
  return () => clearTimeout(timer);
}

async function hedge(job: RunJob, provider: string, context: HedgeContext): Promise<void> {
  const { queues, hedges, counts, epoch, clock, log } = context;
  if (clock.hasToken) return;
  if (!hedges.take()) {
    counts.count("hedge_over_budget");
    return;
  }
  const { runId } = job;
  try {
    await queues.add({ ...jobAt(job, provider), hedges: epoch });
    clock.hedged();
    counts.count("hedged");
    log.info({ runId, epoch, provider }, "provider is late, next one asked as well");
  } catch (error) {
    // The run goes on as if there were no hedge; not worth repeating while Redis is away.
    log.debug({ runId, epoch, err: error }, "run not hedged");
  }
}
