/**
 * Puts a run on the next provider's queue as well, if its own provider is late. The provider with the first token
 * answers. The hedge goes over the queue, so that the limit of that provider holds for hedges too.
 *
 * A hedge costs a second request, so only a share of runs may be hedged. When everything is slow, hedging every run would
 * double the load.
 */
import type { RunJob, RunQueues } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { ProviderClient } from "../provider/provider-client.ts";
import type { AttemptClock } from "../telemetry/attempt-clock.ts";
import type { AttemptTally } from "../telemetry/attempt-counts.ts";
import { jobAt, nextOf } from "./fail-over.ts";

/** Most unused hedges that are saved, since late runs come in clusters. */
const MOST_SAVED = 10;
/** Saved hedges of a new process. */
const SAVED_AT_FIRST = 3;

export class HedgeBudget {
  readonly #share: () => number;
  #saved = SAVED_AT_FIRST;

  /** @param share of all runs that may be hedged, 0 to 1, by the present configuration */
  constructor(share: () => number) {
    this.#share = share;
  }

  /** A run begins, which adds the share. */
  note(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#share());
  }

  /** Whether a run may be hedged now. If so, uses up one hedge. */
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

/** Asks the next provider as well once this one is late. @returns stops the timer */
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
    // The run goes on without a hedge. A repetition during an outage of Redis would be too late.
    log.debug({ runId, epoch, err: error }, "run not hedged");
  }
}
