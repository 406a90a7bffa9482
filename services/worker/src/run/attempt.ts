/**
 * One attempt at a run that was claimed: has the provider answer, and writes how that came out.
 *
 * Whatever goes wrong with the provider ends the run with a failure that says so, or moves it. Whatever
 * goes wrong with the right to write (another worker holds the run, the user cancelled) ends only this
 * attempt, silently: the run is no longer ours to end.
 */
import { type Failure, failure, isErrorCode } from "@openclaw/protocol";
import {
  type QueueLimits,
  type RunJob,
  RunPostponedError,
  type RunQueues,
  RunReleasedError,
} from "@openclaw/queue";
import { type Logger, retryFor, sleep } from "@openclaw/runtime";
import type { Appender, RunRecords, RunWriter, TerminalEntry } from "@openclaw/stream";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import { effectOf, policyOf } from "../provider/health/failure-policy.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import { AttemptClock } from "../telemetry/attempt-clock.ts";
import type { AttemptTally, LetGoReason } from "../telemetry/attempt-counts.ts";
import { type AttemptOutcome, reportAttempt } from "../telemetry/attempt-report.ts";
import type { ActiveAttempts } from "./active-attempts.ts";
import { condemnRun } from "./condemn-run.ts";
import { failOver, waitBeforeRetry } from "./fail-over.ts";
import type { HedgeBudget } from "./hedge.ts";
import { relayAnswer } from "./relay-answer.ts";

/** Longest time for handing a run back in order; otherwise others wait until this attempt is forgotten. */
const RELEASE_WITHIN_MS = 500;

export interface AttemptContext {
  readonly provider: ProviderClient;
  readonly records: RunRecords;
  /** Where a run goes that this provider failed. */
  readonly queues: Pick<RunQueues, "add" | "has">;
  readonly appender: Appender;
  readonly attempts: ActiveAttempts;
  readonly counts: AttemptTally;
  readonly limits: Pick<QueueLimits, "slowDown">;
  readonly hedges: HedgeBudget;
  /** This worker, as claims record it. */
  readonly node: string;
  /** Ids of all nodes of the cluster. */
  readonly nodes: () => Promise<readonly string[]>;
  /** How many tokens the model of a provider takes, where that is known. */
  readonly contextTokensOf: (provider: string) => number | undefined;
  /** Most attempts of one run, over all workers. */
  readonly maxAttempts: number;
  /** Most workers that one run may lose, which are no attempts. */
  readonly maxLost: number;
  readonly log: Logger;
}

/** The right to write, and which attempt this is of all, and in a row with this provider, from 1. */
export interface Claimed {
  readonly epoch: number;
  readonly attempt: number;
  readonly tries: number;
  /** Whether no attempt of any kind has said something before. */
  readonly isFirst: boolean;
  /** From taking the job to this. */
  readonly pickUpMs?: number;
}

/** An answer that has begun before its run was claimed. */
export interface Begun {
  /** From the first on, also those that were seen already. */
  readonly events: AsyncIterable<ProviderEvent>;
  readonly clock: AttemptClock;
  /** Aborting it stops the provider. */
  readonly stopping: AbortController;
  /** Nobody reads on: stops the provider, and has its request measured. Changes nothing after the end. */
  readonly leave: () => Promise<void>;
}

/**
 * Works on a claimed run until it has ended or is no longer ours.
 *
 * @throws RunHandedBackError, RunReleasedError, RunPostponedError when the queue is to offer the run again
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
  const writer = appender.open({
    runId,
    epoch,
    goesOnUnread: job.background,
    onLost: (reason) => stopping.abort(new AttemptLostError(reason)),
  });
  const active = {
    epoch,
    abort: (reason: "ended" | "stopping") => stopping.abort(new AttemptLostError(reason)),
  };
  attempts.add(runId, active);
  try {
    const outcome = await answer(job, {
      ...context,
      ...claimed,
      writer,
      clock,
      stopping,
    });
    reportAttempt(job, { epoch, outcome, clock, log });
    if ("afterMs" in outcome) throw new RunPostponedError(runId, outcome.afterMs);
  } finally {
    attempts.remove(runId, active);
    appender.close(writer);
    counts.timed?.(clock.phases(writer.firstText));
  }
}

interface AnswerContext extends AttemptContext, Claimed {
  readonly begun?: Begun;
  readonly writer: RunWriter;
  readonly clock: AttemptClock;
  readonly stopping: AbortController;
}

async function answer(job: RunJob, context: AnswerContext): Promise<AttemptOutcome> {
  const { writer, clock } = context;
  let terminal: TerminalEntry;
  let failed: ProviderError | undefined;
  try {
    if (!context.begun) refuseIfClosed(context.provider);
    terminal = await relayAnswer(job, context);
  } catch (error) {
    if (error instanceof AttemptLostError && !mayStillEnd(error.reason)) {
      return letGo(job, error.reason, context);
    }
    if (error instanceof ProviderError) {
      clock.failed(error.connection);
      if (!(error instanceof NotAskedError)) learnFrom(error, context);
      if (await isAskedBesideHedge(job, error, context)) {
        return await answer(job, { ...context, tries: context.tries + 1 });
      }
      const goesOn = await failOver(job, error, { ...context, hasSpoken: clock.hasToken });
      if (goesOn) {
        context.counts.count("movedTo" in goesOn ? "failed_over" : "postponed");
        return { ...goesOn, error };
      }
      failed = error;
    }
    terminal = terminalOf(job, error, context);
  }
  let written = await writer.end(terminal);
  if (written === "too_large") {
    // The last piece did not fit, which is only known now: the answer is not whole after all.
    terminal = { type: "failed", failure: failure("answer_too_large"), timings: clock.read() };
    written = await writer.end(terminal);
  }
  if (written !== "appended") return letGo(job, written, context);
  context.counts.count(isOrphaned(terminal) ? "orphaned" : "finished");
  return { terminal, error: failed };
}

/**
 * Waits for the moment of a retry where a hedge is under way. The run then stays with this attempt, at its place:
 * on the queue it would be nobody's, which ends the hedge, though that may be about to speak.
 *
 * @returns false where the run is not to be asked again here
 */
async function isAskedBesideHedge(
  { runId, provider }: RunJob,
  error: ProviderError,
  context: AnswerContext,
): Promise<boolean> {
  const { clock, stopping, epoch, log } = context;
  if (!clock.isHedged || stopping.signal.aborted) return false;
  const afterMs = waitBeforeRetry(error, { ...context, hasSpoken: clock.hasToken });
  if (afterMs === undefined) return false;
  const facts = { runId, epoch, provider, code: error.code, detail: error.detail, afterMs };
  log.warn(facts, "provider failed beside its hedge, asked again");
  // Where the hedge wins meanwhile, the next question is not asked.
  await sleep(afterMs, stopping.signal);
  return true;
}

/**
 * An account that is refused, or wants to be left alone, is not asked. One that merely fails is: with nobody
 * else to be asked, it may answer after all.
 */
function refuseIfClosed({ name, health }: ProviderClient): void {
  const { closed } = health;
  if (closed === undefined) return;
  if (closed.forMs === undefined && policyOf(closed.code).askMostMs === undefined) return;
  const detail = "not asked, as it failed before";
  throw new NotAskedError(closed.code, { provider: name, detail, retryAfterMs: closed.forMs });
}

/** What the next runs of this provider are spared. */
export function learnFrom(
  { code, withoutWords, retryAfterMs }: ProviderError,
  { provider, limits }: Pick<AttemptContext, "provider" | "limits">,
): void {
  provider.health.failed(code, withoutWords);
  if (!effectOf(code, withoutWords).slowsDown) return;
  provider.health.complained(code, retryAfterMs);
  void limits.slowDown(provider.name, retryAfterMs);
}

function isOrphaned(terminal: TerminalEntry): boolean {
  return terminal.type === "cancelled" && terminal.reason === "orphaned";
}

/** Losses after which the run is still this attempt's to end. */
function mayStillEnd(reason: LetGoReason): reason is "too_large" | "orphaned" {
  return reason === "too_large" || reason === "orphaned";
}

function terminalOf(job: RunJob, error: unknown, { clock, log }: AnswerContext): TerminalEntry {
  if (error instanceof AttemptLostError && error.reason === "orphaned") {
    return { type: "cancelled", reason: "orphaned" };
  }
  return { type: "failed", failure: failureOf(job, error, log), timings: clock.read() };
}

function failureOf({ failed }: RunJob, error: unknown, log: Logger): Failure {
  if (error instanceof ProviderError) {
    // Who was asked for has failed before, and is what the user knows of; unless the request itself is
    // refused, which says more.
    const isFirst = failed === undefined || policyOf(error.code).elsewhere !== true;
    if (isFirst || !isErrorCode(failed.code)) return error.failure;
    return failure(failed.code, `${failed.message} Nobody could answer in its place.`);
  }
  if (error instanceof AttemptLostError) return failure("answer_too_large");
  log.error({ err: error }, "run failed unexpectedly");
  return failure("internal");
}

/** Where the run itself is still open, it goes back to the queue; otherwise there is nothing to do. */
async function letGo(
  job: RunJob,
  reason: LetGoReason,
  context: AnswerContext,
): Promise<AttemptOutcome> {
  context.counts.count(reason);
  if (reason === "stopping") {
    await release(job, context);
    throw new RunReleasedError(job.runId);
  }
  if (reason === "broken") {
    const { fault, position } = context.writer;
    await condemnRun(job, fault, context, position);
  }
  if (reason === "gap" || reason === "unavailable") {
    throw new RunHandedBackError(job.runId, reason);
  }
  return { lost: reason };
}

/** Lets the next worker have the run at once. */
async function release({ runId, provider }: RunJob, context: AnswerContext): Promise<void> {
  const { records, writer, epoch, log } = context;
  try {
    await writer.flush();
    await retryFor(
      () => records.move({ runId, epoch, from: provider, provider, because: "release" }),
      RELEASE_WITHIN_MS,
    );
  } catch (error) {
    log.debug({ runId, epoch, err: error }, "run not released");
  }
}

/** What is known of the provider was told again, without asking it. */
class NotAskedError extends ProviderError {}

/** The attempt may not write any more. Only ever an abort reason. */
class AttemptLostError extends Error {
  readonly code = "attempt_lost";
  readonly reason: LetGoReason;

  constructor(reason: LetGoReason) {
    super(`the attempt let go of its run: ${reason}`);
    this.name = "AttemptLostError";
    this.reason = reason;
  }
}

/** The run is open, but this attempt cannot continue it; the next attempt begins anew. */
export class RunHandedBackError extends Error {
  readonly code = "run_handed_back";

  constructor(runId: string, reason: LetGoReason) {
    super(`run ${runId} is handed back: ${reason}`);
    this.name = "RunHandedBackError";
  }
}
