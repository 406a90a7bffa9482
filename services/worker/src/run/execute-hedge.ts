/**
 * The second provider of a run whose first is late.
 *
 * It is asked without a claim, since a claim would stop the first. The run is claimed with the first
 * token, which succeeds only if the first attempt has said nothing until then: the claim and its first
 * text are both decided in Redis, one after the other, so exactly one of the two answers. Whoever
 * loses is told by what the other publishes, and stops its provider at once.
 */
import type { RunJob } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import { AttemptClock } from "../telemetry/attempt-clock.ts";
import { type AttemptContext, type Begun, learnFrom, workOnRun } from "./attempt.ts";
import { claimRun } from "./claim-run.ts";
import { Deadlines } from "./deadlines.ts";
import { requestOf } from "./relay-answer.ts";

const ASK_WITHIN_MS = 1_000;

/**
 * Works on a hedge, and on the run from the moment that it is won.
 *
 * @returns `won before`: the run has been this job's since an earlier worker won it, and died
 * @throws as `executeRun`, from the claim on: it may have taken effect though its answer was lost
 */
export async function executeHedge(
  job: RunJob,
  context: AttemptContext,
): Promise<"done" | "won before"> {
  const begun = await begin(job, context);
  if (begun === "won before") return begun;
  if (begun === undefined) return "done";
  try {
    await claimAndAnswer(job, { ...context, begun });
  } finally {
    // Where the claim was lost, or failed, nobody has read it.
    await begun.leave();
  }
  return "done";
}

async function claimAndAnswer(
  job: RunJob,
  context: AttemptContext & { readonly begun: Begun },
): Promise<void> {
  const claim = await claimRun(job, context);
  if (claim.outcome !== "claimed") {
    lose(job, context);
    return;
  }
  context.counts.count("hedge_won");
  await workOnRun({ ...job, hedges: undefined }, claim, context);
}

/** Asks the provider; undefined where that came to nothing, or somebody else answers. */
async function begin(
  job: RunJob,
  context: AttemptContext,
): Promise<Begun | "won before" | undefined> {
  const { runId, hedges: epoch = 0 } = job;
  const { records, attempts, node, provider } = context;
  const stopping = new AbortController();
  const active = { epoch, isHedge: true, abort: () => stopping.abort(new HedgeLostError()) };
  attempts.add(runId, active);
  try {
    const hedged = await retryFor(() => records.hedge({ runId, epoch, node }), ASK_WITHIN_MS);
    if (hedged === "won") return "won before";
    if (hedged === "open" && provider.health.closed === undefined) {
      return await untilToken(job, { provider, stopping });
    }
    lose(job, context);
  } catch (error) {
    stopping.abort(new HedgeLostError());
    fail(job, error, context);
  } finally {
    // From here on the claim decides; what it publishes is not to be taken for somebody else's.
    attempts.remove(runId, active);
  }
  return undefined;
}

/** Asks, and resolves with the first token of the answer; what came until then is kept. */
async function untilToken(
  job: RunJob,
  { provider, stopping }: { readonly provider: ProviderClient; readonly stopping: AbortController },
): Promise<Begun> {
  const clock = new AttemptClock();
  const { name, config } = provider;
  const deadlines = new Deadlines(name, config.timeouts, (error) => stopping.abort(error));
  const { signal } = stopping;
  const events = provider.stream(requestOf(job), { signal })[Symbol.asyncIterator]();
  const seen: ProviderEvent[] = [];
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new ProviderError("provider_cut", { provider: name });
      seen.push(value);
      if (value.type === "headers") clock.headers(value.connection, value.sentAt);
      else break;
    }
  } finally {
    deadlines.clear();
  }
  const leave = async () => void (await events.return?.());
  return { events: rest(seen, events), clock, stopping, leave };
}

async function* rest(
  seen: readonly ProviderEvent[],
  events: AsyncIterator<ProviderEvent>,
): AsyncGenerator<ProviderEvent, void, undefined> {
  yield* seen;
  yield* { [Symbol.asyncIterator]: () => events };
}

function lose({ runId, provider }: RunJob, { counts, log }: AttemptContext): void {
  counts.count("hedge_lost");
  log.info({ runId, provider }, "hedge lost");
}

/** A hedge that fails is none: the first attempt goes on, and answers for the run. */
function fail(job: RunJob, error: unknown, context: AttemptContext): void {
  if (error instanceof HedgeLostError) {
    lose(job, context);
    return;
  }
  const { runId, provider } = job;
  context.counts.count("hedge_failed");
  if (error instanceof ProviderError) {
    learnFrom(error, context);
    context.log.warn({ runId, provider, code: error.code }, "hedge failed");
  } else context.log.warn({ runId, provider, err: error }, "hedge failed unexpectedly");
}

/** Somebody else answers the run. Only ever an abort reason. */
class HedgeLostError extends Error {
  readonly code = "hedge_lost";

  constructor() {
    super("the run is answered by another provider");
    this.name = "HedgeLostError";
  }
}
