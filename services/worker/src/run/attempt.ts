/**
 * One attempt at a claimed run: lets the provider answer, and writes the end of the run.
 *
 * A failure of the provider ends the run, or moves it to another provider. An attempt loses the right to write if another
 * worker holds the run, or if the user cancelled it. Such an attempt ends silently.
 */
import { failure } from "@openclaw/protocol";
import { type RunJob, RunPostponedError } from "@openclaw/queue";
import { sleep } from "@openclaw/runtime";
import type { TerminalEntry } from "@openclaw/stream";
import { ProviderError } from "../provider/contract/provider-error.ts";
import { AttemptClock } from "../telemetry/attempt-clock.ts";
import type { LetGoReason } from "../telemetry/attempt-counts.ts";
import type { AnswerContext, AttemptContext, Begun, Claimed } from "./attempt-context.ts";
import { type AttemptOutcome, reportAttempt } from "./attempt-report.ts";
import { isAbandoned, terminalOf } from "./attempt-terminal.ts";
import { NotAskedError, noteFailure, refuseIfClosed } from "./closed-provider.ts";
import { failOver, waitBeforeRetry } from "./fail-over.ts";
import { AttemptLostError, letGo, mayStillEnd } from "./let-go.ts";
import { relayAnswer } from "./relay-answer.ts";

/**
 * Works on a claimed run until it has ended, or this attempt has lost it.
 *
 * @throws RunHandedBackError, RunReleasedError, RunPostponedError for a run that the queue is to offer again
 */
export async function workOnRun(
  job: RunJob,
  { pickUpMs, ...claimed }: Claimed,
  context: AttemptContext & { readonly begun?: Begun },
): Promise<void> {
  const { appender, attempts, begun, counts, log } = context;
  const { runId } = job;
  const { epoch } = claimed;
  const { clock = new AttemptClock(pickUpMs), stopping = new AbortController() } = begun ?? {};
  const abort = (reason: LetGoReason) => stopping.abort(new AttemptLostError(reason));
  const writer = appender.open({ runId, epoch, goesOnUnread: job.background, onLost: abort });
  const active = { epoch, abort };
  attempts.add(runId, active);
  try {
    const outcome = await answer(job, { ...context, ...claimed, writer, clock, stopping });
    reportAttempt(job, { epoch, outcome, clock, log });
    if ("afterMs" in outcome) throw new RunPostponedError(runId, outcome.afterMs);
  } finally {
    attempts.remove(runId, active);
    appender.close(writer);
    counts.timed?.(clock.phases(writer.firstText));
  }
}

async function answer(job: RunJob, context: AnswerContext): Promise<AttemptOutcome> {
  let terminal: TerminalEntry;
  try {
    if (!context.begun) refuseIfClosed(context.provider);
    terminal = await relayAnswer(job, context);
  } catch (error) {
    if (error instanceof ProviderError) return await afterFailure(job, error, context);
    if (error instanceof AttemptLostError && !mayStillEnd(error.reason)) {
      return await letGo(job, error.reason, context);
    }
    terminal = terminalOf(job, error, context);
  }
  return await writeEnd(job, { terminal }, context);
}

/** The provider failed: the run waits for it, moves on, or ends. */
async function afterFailure(
  job: RunJob,
  error: ProviderError,
  context: AnswerContext,
): Promise<AttemptOutcome> {
  const { clock, counts } = context;
  clock.failed(error.connection);
  if (!(error instanceof NotAskedError)) noteFailure(error, context);
  if (await waitsBesideHedge(job, error, context)) {
    return await answer(job, { ...context, tries: context.tries + 1 });
  }
  const continuance = await failOver(job, error, { ...context, hasToken: clock.hasToken });
  if (continuance === undefined) {
    return await writeEnd(job, { terminal: terminalOf(job, error, context), error }, context);
  }
  counts.count("movedTo" in continuance ? "failed_over" : "postponed");
  return { ...continuance, error };
}

/**
 * Waits for the moment of a retry while a hedge is under way. Meanwhile the run stays with this attempt. On the queue,
 * the run would have no attempt, which ends the hedge, though the hedge may be about to answer.
 *
 * @returns false if this attempt is not to ask again
 */
async function waitsBesideHedge(
  { runId, provider }: RunJob,
  error: ProviderError,
  context: AnswerContext,
): Promise<boolean> {
  const { clock, stopping, epoch, log } = context;
  if (!clock.isHedged || stopping.signal.aborted) return false;
  const afterMs = waitBeforeRetry(error, { ...context, hasToken: clock.hasToken });
  if (afterMs === undefined) return false;
  const facts = { runId, epoch, provider, code: error.code, detail: error.detail, afterMs };
  log.warn(facts, "provider failed beside its hedge, asked again");
  // If the hedge wins meanwhile, the abort ends this wait, and `answer` asks nothing.
  await sleep(afterMs, stopping.signal);
  return true;
}

async function writeEnd(
  job: RunJob,
  { terminal, error }: { readonly terminal: TerminalEntry; readonly error?: ProviderError },
  context: AnswerContext,
): Promise<AttemptOutcome> {
  const { writer, clock, counts } = context;
  let last = terminal;
  let written = await writer.end(last);
  if (written === "too_large") {
    // Only now it is known that the last piece did not fit: the answer is not complete.
    last = { type: "failed", failure: failure("answer_too_large"), timings: clock.read() };
    written = await writer.end(last);
  }
  if (written !== "appended") return await letGo(job, written, context);
  counts.count(isAbandoned(last) ? "orphaned" : "finished");
  return { terminal: last, error };
}
