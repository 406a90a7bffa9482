/**
 * Moves a run after its provider failed.
 *
 * The run goes to the queue of the next provider of its chain. So the limit of that provider holds for moved runs too.
 * Without another provider, the run may come back to the same one a moment later.
 *
 * A worker may die at any point of the move. So the record moves first. From then on, a worker that takes the old job
 * finds the run moved, and only repeats the second step.
 */
import type { ErrorCode } from "@openclaw/protocol";
import type { RunJob, RunQueues } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import { MAX_TRIES, type RunRecords, type RunWriter } from "@openclaw/stream";
import type { ProviderError } from "../provider/contract/provider-error.ts";
import { policyOf } from "../provider/health/failure-policy.ts";
import type { ProviderClient } from "../provider/provider-client.ts";

/** Afterwards the queue offers the run again, here or elsewhere. */
const MOVE_WITHIN_MS = 2_000;
/** A provider that asks for a longer rest gets no second try of a run: the run fails. */
export const LONGEST_WAIT_MS = 10_000;
/** The wait before an immediate retry. It is random, so that runs that failed together do not retry together. */
const AT_ONCE_MS = { least: 50, most: 250 };
/**
 * The wait if the provider names none. It is long enough for the account's limit to adapt, and random, so that runs that
 * were refused together do not retry together.
 */
const WAIT_MS = { least: 1_000, most: 4_000 };

export interface FailOverContext {
  readonly records: Pick<RunRecords, "move">;
  readonly queues: Pick<RunQueues, "add" | "has">;
  readonly epoch: number;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** How often in a row this provider was asked, this attempt included. */
  readonly tries: number;
  /** The provider that failed. */
  readonly provider: Pick<ProviderClient, "config" | "health">;
  /** How many tokens the model of a provider takes, if that is known. */
  readonly contextTokensOf: (provider: string) => number | undefined;
  /** The failed attempt brought a token. */
  readonly hasToken: boolean;
  readonly writer: Pick<RunWriter, "flush">;
}

/** How a run goes on after a failed attempt: with another provider, or later with the same one. */
export type Continuance = { readonly movedTo: string } | { readonly afterMs: number };

/** Failures after which the text so far is still the beginning of a good answer. */
const BREAKS: ReadonlySet<ErrorCode> = new Set(["provider_cut", "provider_stalled"]);

/**
 * Gives the run to the same provider once more if `retries` allow it, else to the next provider of its chain. The text of
 * the failed attempt stays in the log; readers handle it when the next attempt begins.
 *
 * @returns how the run goes on; undefined if the failure is its end
 */
export async function failOver(
  job: RunJob,
  error: ProviderError,
  context: FailOverContext,
): Promise<Continuance | undefined> {
  const { queues, attempt, maxAttempts, hasToken } = context;
  const { elsewhere } = policyOf(error.code);
  // An attempt without a token does not count (see `move.lua`), so a run may reach the end of its chain.
  const isSpent = attempt >= maxAttempts;
  if (!elsewhere || (isSpent && hasToken)) return undefined;
  const againMs = waitBeforeRetry(error, context);
  if (againMs !== undefined) {
    const isMoved = await move(job, job.provider, { ...context, because: "retry" });
    return isMoved ? { afterMs: againMs } : undefined;
  }
  const rest = elsewhere === "roomier" ? withMoreRoom(job, context) : job;
  const next = nextOf(rest, queues);
  const waitMs = isSpent ? undefined : waitBefore(error, context);
  if (next === undefined && waitMs === undefined) return undefined;
  if (!(await move(job, next ?? job.provider, context))) return undefined;
  if (next === undefined) return { afterMs: waitMs ?? 0 };
  const anew = hasToken ? !BREAKS.has(error.code) : job.anew;
  const { code, message } = error.failure;
  await requeue({ ...rest, anew, failed: job.failed ?? { code, message } }, next, queues);
  return { movedTo: next };
}

/**
 * Gives a waiting run to the next provider of its chain, since its own is known to fail.
 *
 * @param epoch of an attempt that is over, for a run that does not wait
 * @returns `elsewhere` if the run does not wait here any more: a claim shows its state
 */
export async function passOn(
  job: RunJob,
  { records, queues }: Pick<FailOverContext, "records" | "queues">,
  epoch: number = UNCLAIMED,
): Promise<"moved" | "elsewhere" | "none"> {
  const next = nextOf(job, queues);
  if (next === undefined) return "none";
  const run = { runId: job.runId, epoch, from: job.provider, provider: next };
  const outcome = await retryFor(() => records.move(run), MOVE_WITHIN_MS);
  if (outcome !== "moved") return "elsewhere";
  // An attempt may have moved the run before, and its worker died. Nothing tells why it moved the run, so the answer
  // begins again.
  await requeue({ ...job, anew: true }, next, queues);
  return "moved";
}

/** The epoch of a run that waits. */
const UNCLAIMED = 0;

/** Puts a run on another provider's queue. A repetition has no effect. */
export async function requeue(
  job: RunJob,
  provider: string,
  queues: Pick<RunQueues, "add">,
): Promise<void> {
  await retryFor(() => queues.add(jobAt(job, provider)), MOVE_WITHIN_MS);
}

/** The next provider of the chain that this process knows. */
export function nextOf({ fallback }: RunJob, queues: Pick<RunQueues, "has">): string | undefined {
  return fallback.find((name) => queues.has(name));
}

/** Removes providers from the chain that are known to take no more tokens than the present one. */
function withMoreRoom(
  job: RunJob,
  { contextTokensOf }: Pick<FailOverContext, "contextTokensOf">,
): RunJob {
  const tooFew = contextTokensOf(job.provider) ?? 0;
  const hasRoom = (name: string) => (contextTokensOf(name) ?? Number.POSITIVE_INFINITY) > tooFew;
  return { ...job, fallback: job.fallback.filter(hasRoom) };
}

/** The job for a later provider of its chain. A chain only goes forward. */
export function jobAt(job: RunJob, provider: string): RunJob {
  return { ...job, provider, fallback: job.fallback.slice(job.fallback.indexOf(provider) + 1) };
}

type Tried = Pick<FailOverContext, "hasToken" | "tries" | "provider">;

/** The wait before a retry with the same provider, ahead of its fallbacks; undefined without a retry. */
export function waitBeforeRetry(
  { code, retryAfterMs }: ProviderError,
  { hasToken, tries, provider: { config, health } }: Tried,
): number | undefined {
  if (hasToken || !policyOf(code).later || tries > config.retries) return undefined;
  // A rate limit without `Retry-After` is not over at once.
  if (retryAfterMs === undefined && code === "provider_rate_limited") return undefined;
  // An account that rests is not asked.
  const restMs = health.closed ? (health.closed.forMs ?? Number.POSITIVE_INFINITY) : 0;
  const waitMs = Math.max(retryAfterMs ?? 0, restMs);
  return waitMs > config.retryWithinMs ? undefined : Math.round(waitMs + between(AT_ONCE_MS));
}

function between({ least, most }: { readonly least: number; readonly most: number }): number {
  return least + Math.random() * (most - least);
}

/** The wait before the same provider is asked again without an alternative; undefined if that cannot help. */
function waitBefore(
  { code, retryAfterMs }: ProviderError,
  { hasToken, tries, provider: { config } }: Tried,
): number | undefined {
  if (hasToken || !policyOf(code).later || tries >= MAX_TRIES + config.retries) return undefined;
  const waitMs = retryAfterMs ?? between(WAIT_MS);
  return waitMs > LONGEST_WAIT_MS ? undefined : Math.round(waitMs);
}

/** @returns false if the run has ended or another attempt has it; writing the failure then shows which */
async function move(
  { runId, provider: from }: RunJob,
  provider: string,
  { records, epoch, writer, because }: FailOverContext & { readonly because?: "retry" },
): Promise<boolean> {
  // After the move this attempt can write nothing, and its text may be continued.
  await writer.flush();
  const run = { runId, epoch, from, provider, because };
  return (await retryFor(() => records.move(run), MOVE_WITHIN_MS)) === "moved";
}
