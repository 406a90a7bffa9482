/**
 * One run, from taking it to its terminal entry.
 *
 * Whatever goes wrong with the provider ends the run with a failure that says so. Whatever goes
 * wrong with the right to write (another worker holds the run, the user cancelled) ends only this
 * attempt, silently: the run is no longer ours to end.
 */
import { randomUUID } from "node:crypto";
import { type Failure, failure } from "@openclaw/protocol";
import { type QueueLimits, type RunJob, RunPostponedError, type RunQueues } from "@openclaw/queue";
import { type Logger, persist } from "@openclaw/runtime";
import type { Appender, RunRecords, RunWriter, TerminalEntry } from "@openclaw/stream";
import { policyOf } from "../provider/failure-policy.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import { ProviderError } from "../provider/provider-error.ts";
import type { ActiveAttempts } from "./active-attempts.ts";
import { AttemptClock } from "./attempt-clock.ts";
import type { AttemptCounts, LetGoReason } from "./attempt-counts.ts";
import { type Continuance, failOver, passOn, requeue } from "./fail-over.ts";
import { relayAnswer } from "./relay-answer.ts";

/**
 * Afterwards the queue offers the run again, here or elsewhere. Long, since a claim whose answer is late
 * may have taken effect: asked again it is known by its lease, while another one costs an attempt.
 */
const CLAIM_WITHIN_MS = 10_000;
/** Longest time for handing a run back in order; otherwise others wait until this attempt is forgotten. */
const RELEASE_WITHIN_MS = 500;

export interface ExecuteRunContext {
  readonly provider: ProviderClient;
  readonly records: RunRecords;
  /** Where a run goes that this provider failed. */
  readonly queues: Pick<RunQueues, "add" | "has">;
  readonly appender: Appender;
  readonly attempts: ActiveAttempts;
  readonly counts: AttemptCounts;
  readonly limits: Pick<QueueLimits, "slowDown">;
  /** This worker, as claims record it. */
  readonly node: string;
  /** Most attempts of one run, over all workers. */
  readonly maxAttempts: number;
  readonly log: Logger;
}

/**
 * Works on a run until it has ended or is no longer ours.
 *
 * @throws RunHandedBackError when the run is still open but cannot go on here, so that the queue
 *   offers it again; also what Redis throws before the run was claimed
 */
export async function executeRun(job: RunJob, context: ExecuteRunContext): Promise<void> {
  const { closedFor } = context.provider.health;
  if (closedFor !== undefined && (await passOn(job, context))) {
    context.counts.count("passed_on");
    context.log.info(
      { runId: job.runId, provider: job.provider, code: closedFor },
      "run passed on",
    );
    return;
  }
  const claim = await claimRun(job, context);
  // Moved by an attempt whose worker then died: it may or may not have got as far as the queue.
  // Why is not known any more, so what it said is not to be built upon.
  if (claim.outcome === "moved") {
    await requeue({ ...job, anew: true }, claim.provider, context.queues);
  }
  // The queue took its worker for dead too soon, or this one stood still and is late.
  if (claim.outcome === "held") throw new RunPostponedError(job.runId, claim.forMs);
  if (claim.outcome !== "claimed") {
    context.log.info({ runId: job.runId, outcome: claim.outcome }, "run not taken");
    return;
  }
  const clock = new AttemptClock();
  const stopping = new AbortController();
  const writer = context.appender.open({
    runId: job.runId,
    epoch: claim.epoch,
    onLost: (reason) => stopping.abort(new AttemptLostError(reason)),
  });
  const active = {
    epoch: claim.epoch,
    abort: (reason: "ended" | "stopping") => stopping.abort(new AttemptLostError(reason)),
  };
  context.attempts.add(job.runId, active);
  try {
    const { epoch, attempt } = claim;
    const outcome = await answer(job, { ...context, epoch, attempt, writer, clock, stopping });
    report(job, { epoch, outcome, clock, log: context.log });
    if ("afterMs" in outcome) throw new RunPostponedError(job.runId, outcome.afterMs);
  } finally {
    context.attempts.remove(job.runId, active);
    context.appender.close(writer);
  }
}

function claimRun(job: RunJob, { records, provider, node, maxAttempts }: ExecuteRunContext) {
  const claim = {
    runId: job.runId,
    lease: randomUUID(),
    worker: node,
    maxAttempts,
    started: { type: "started", provider: provider.name, model: provider.config.model },
    exhausted: { type: "failed", failure: failure("attempts_exhausted"), timings: undefined },
  } as const;
  return persist(() => records.claim(claim), CLAIM_WITHIN_MS);
}

interface AnswerContext extends ExecuteRunContext {
  readonly epoch: number;
  readonly attempt: number;
  readonly writer: RunWriter;
  readonly clock: AttemptClock;
  readonly stopping: AbortController;
}

/** How an attempt came out: the terminal it wrote, or why it wrote none. */
type AttemptOutcome =
  | { readonly terminal: TerminalEntry; readonly httpStatus: number | undefined }
  | (Continuance & { readonly error: ProviderError })
  | { readonly lost: LetGoReason };

async function answer(job: RunJob, context: AnswerContext): Promise<AttemptOutcome> {
  const { writer, clock } = context;
  let terminal: TerminalEntry;
  let httpStatus: number | undefined;
  try {
    refuseIfClosed(context.provider);
    terminal = await relayAnswer(job, context);
  } catch (error) {
    if (error instanceof AttemptLostError && !mayStillEnd(error.reason)) {
      return letGo(job, error.reason, context);
    }
    if (error instanceof ProviderError) {
      learnFrom(error, context);
      const goesOn = await failOver(job, error, { ...context, hasSpoken: clock.hasToken });
      if (goesOn) {
        context.counts.count("movedTo" in goesOn ? "failed_over" : "postponed");
        return { ...goesOn, error };
      }
      httpStatus = error.status;
    }
    terminal = terminalOf(error, context);
  }
  let written = await writer.end(terminal);
  if (written === "too_large") {
    // The last piece did not fit, which is only known now: the answer is not whole after all.
    terminal = { type: "failed", failure: failure("answer_too_large"), timings: clock.read() };
    written = await writer.end(terminal);
  }
  if (written !== "appended") return letGo(job, written, context);
  context.counts.count("finished");
  return { terminal, httpStatus };
}

/** What is known to fail is not waited for. */
function refuseIfClosed({ name, health }: ProviderClient): void {
  const { closedFor } = health;
  if (closedFor === undefined) return;
  throw new ProviderError(closedFor, { provider: name, detail: "not asked, as it failed before" });
}

/** What the next runs of this provider are spared. */
function learnFrom({ code, retryAfterMs }: ProviderError, context: AnswerContext): void {
  const { provider, limits } = context;
  if (provider.health.closedFor !== undefined) return;
  provider.health.failed(code);
  if (policyOf(code).slowsDown) void limits.slowDown(provider.name, retryAfterMs);
}

/** Losses after which the run is still this attempt's to end. */
function mayStillEnd(reason: LetGoReason): reason is "too_large" | "orphaned" {
  return reason === "too_large" || reason === "orphaned";
}

function terminalOf(error: unknown, { clock, log }: AnswerContext): TerminalEntry {
  if (error instanceof AttemptLostError && error.reason === "orphaned") {
    return { type: "cancelled", reason: "orphaned" };
  }
  return { type: "failed", failure: failureOf(error, log), timings: clock.read() };
}

function failureOf(error: unknown, log: Logger): Failure {
  if (error instanceof ProviderError) return error.failure;
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
  if (reason === "stopping") await release(job, context);
  if (reason === "gap" || reason === "unavailable" || reason === "stopping") {
    throw new RunHandedBackError(job.runId, reason);
  }
  return { lost: reason };
}

/** Lets the next worker have the run at once. */
async function release({ runId, provider }: RunJob, context: AnswerContext): Promise<void> {
  const { records, writer, epoch, log } = context;
  try {
    await writer.flush();
    await persist(() => records.move({ runId, epoch, provider }), RELEASE_WITHIN_MS);
  } catch (error) {
    log.debug({ runId, epoch, err: error }, "run not released");
  }
}

interface Report {
  readonly epoch: number;
  readonly outcome: AttemptOutcome;
  readonly clock: AttemptClock;
  readonly log: Logger;
}

function report({ runId, provider }: RunJob, { epoch, outcome, clock, log }: Report): void {
  const facts = { runId, epoch, provider, ...clock.read() };
  if ("lost" in outcome) {
    // A run ended from outside is a user who cancelled; the other reasons are somebody's trouble.
    const level = outcome.lost === "ended" ? "info" : "warn";
    log[level]({ ...facts, reason: outcome.lost }, "attempt let go");
    return;
  }
  if ("error" in outcome) {
    const { error, ...goesOn } = outcome;
    const { code, status: httpStatus } = error;
    const what = "movedTo" in goesOn ? "attempt failed over" : "attempt postponed";
    log.warn({ ...facts, code, httpStatus, ...goesOn }, what);
    return;
  }
  const { terminal, httpStatus } = outcome;
  if (terminal.type === "failed") {
    const { code } = terminal.failure;
    log.warn({ ...facts, outcome: terminal.type, code, httpStatus }, "attempt finished");
  } else log.info({ ...facts, outcome: terminal.type }, "attempt finished");
}

/** The attempt may not write any more. Only ever an abort reason within this file's runs. */
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
