/**
 * The second provider of a run whose first provider is late.
 *
 * The hedge asks without a claim, since a claim would stop the first attempt. It claims the run with its first token.
 * The claim succeeds only if the first attempt has written nothing until then. Redis decides between the claim and the
 * first text, so exactly one of the two attempts answers. The loser learns of it from the winner's published entry, and
 * stops its provider at once.
 */
import type { RunJob } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import { AttemptClock } from "../telemetry/attempt-clock.ts";
import { workOnRun } from "./attempt.ts";
import type { AttemptContext, Begun } from "./attempt-context.ts";
import { claimRun } from "./claim-run.ts";
import { noteFailure } from "./closed-provider.ts";
import { Deadlines } from "./deadlines.ts";
import { requestOf } from "./relay-answer.ts";

const ASK_WITHIN_MS = 1_000;

/**
 * Works on a hedge, and on its run once the hedge has won.
 *
 * @returns `won before` if an earlier worker won the run for this job, and died
 * @throws as `executeRun`, from the claim on: the claim may have taken effect although its answer was lost
 */
export async function executeHedge(
  job: RunJob,
  context: AttemptContext,
): Promise<"done" | "won before"> {
  const begun = await beginAnswer(job, context);
  if (begun === "won before") return begun;
  if (begun === undefined) return "done";
  try {
    await claimAndAnswer(job, { ...context, begun });
  } finally {
    // Stops the provider after a claim that was lost or failed.
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

/** Asks the provider. Undefined if it failed, or if another attempt answers. */
async function beginAnswer(
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
    // From here on the claim decides. Its own published entry must not abort this attempt.
    attempts.remove(runId, active);
  }
  return undefined;
}

/** Asks, and resolves at the first token of the answer. Keeps the events until then. */
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

/** A failed hedge has no effect on the run: the first attempt goes on. */
function fail(job: RunJob, error: unknown, context: AttemptContext): void {
  if (error instanceof HedgeLostError) {
    lose(job, context);
    return;
  }
  const { runId, provider } = job;
  context.counts.count("hedge_failed");
  if (error instanceof ProviderError) {
    noteFailure(error, context);
    context.log.warn({ runId, provider, code: error.code }, "hedge failed");
  } else context.log.warn({ runId, provider, err: error }, "hedge failed unexpectedly");
}

/** Another attempt answers the run. Only an abort reason. */
class HedgeLostError extends Error {
  readonly code = "hedge_lost";

  constructor() {
    super("the run is answered by another provider");
    this.name = "HedgeLostError";
  }
}
