/**
 * When a provider fails, the run goes to the next one of its chain, over that one's own queue, so that
 * its limit holds for moved runs as for any other; or it comes back to the same one a moment later,
 * where nobody else is there and that may help.
 *
 * A worker may die at any point of the move. So the record moves first: from then on the old queue's
 * job finds the run moved, and whoever is offered that job again only repeats the second step.
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
/** A provider that asks for more patience than this gets no second try of a run; the user is told instead. */
export const LONGEST_WAIT_MS = 10_000;
/** Before the same provider is asked again at once: not all that failed together at the same moment. */
const AT_ONCE_MS = { least: 50, most: 250 };
/**
 * Where it says nothing: until the account's pace may have found what it takes, and not the same moment
 * for all that were refused together.
 */
const WAIT_MS = { least: 1_000, most: 4_000 };

export interface FailOverContext {
  readonly records: Pick<RunRecords, "move">;
  readonly queues: Pick<RunQueues, "add" | "has">;
  readonly epoch: number;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** How often in a row this provider has been asked, this attempt included. */
  readonly tries: number;
  /** The one that failed. */
  readonly provider: Pick<ProviderClient, "config" | "health">;
  /** How many tokens the model of a provider takes, where that is known. */
  readonly contextTokensOf: (provider: string) => number | undefined;
  /** Whether the failed attempt got as far as saying something. */
  readonly hasSpoken: boolean;
  readonly writer: Pick<RunWriter, "flush">;
}

/** How a run goes on after a failed attempt: with another provider, or later with the same. */
export type Continuance = { readonly movedTo: string } | { readonly afterMs: number };

/** Failures that took nothing from what was said before: it is the beginning of a good answer. */
const BREAKS: ReadonlySet<ErrorCode> = new Set(["provider_cut", "provider_stalled"]);

/**
 * Gives the run to its provider once more where `retries` allow that, else to the next of its chain, unless that could not
 * help or it was tried often enough. What the failed attempt has written stays: its readers know what to do when the next begins.
 *
 * @returns what becomes of the run; undefined where the failure is its end
 */
export async function failOver(
  job: RunJob,
  error: ProviderError,
  context: FailOverContext,
): Promise<Continuance | undefined> {
  const { queues, attempt, maxAttempts, hasSpoken } = context;
  const { elsewhere } = policyOf(error.code);
  // Before its first text an attempt costs nothing, see `move.lua`: the chain is walked to its end.
  const isSpent = attempt >= maxAttempts;
  if (!elsewhere || (isSpent && hasSpoken)) return undefined;
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
  const anew = hasSpoken ? !BREAKS.has(error.code) : job.anew;
  const { code, message } = error.failure;
  await requeue({ ...rest, anew, failed: job.failed ?? { code, message } }, next, queues);
  return { movedTo: next };
}

/**
 * Gives a run that waits to the next provider of its chain: its own is known to be down.
 *
 * @param epoch of an attempt that is over, where the run does not wait
 * @returns `elsewhere` where it does not wait here (any more): a claim finds out what it does
 */
export async function passOn(
  job: RunJob,
  { records, queues }: Pick<FailOverContext, "records" | "queues">,
  epoch: number = UNCLAIMED,
): Promise<"moved" | "elsewhere" | "nobody"> {
  const next = nextOf(job, queues);
  if (next === undefined) return "nobody";
  const run = { runId: job.runId, epoch, from: job.provider, provider: next };
  const outcome = await retryFor(() => records.move(run), MOVE_WITHIN_MS);
  if (outcome !== "moved") return "elsewhere";
  // Perhaps it had moved before, by an attempt whose worker then died: what that one said is not to be
  // built upon, as nobody knows any more why it let go.
  await requeue({ ...job, anew: true }, next, queues);
  return "moved";
}

/** The epoch that stands for a run which waits. */
const UNCLAIMED = 0;

/** Puts a run on another provider's queue; once more changes nothing. */
export async function requeue(
  job: RunJob,
  provider: string,
  queues: Pick<RunQueues, "add">,
): Promise<void> {
  await retryFor(() => queues.add(jobAt(job, provider)), MOVE_WITHIN_MS);
}

/** The provider to ask next, of those that this process knows. */
export function nextOf({ fallback }: RunJob, queues: Pick<RunQueues, "has">): string | undefined {
  return fallback.find((name) => queues.has(name));
}

/** A job that is too long for its provider, without those of its chain that are known to take no more. */
function withMoreRoom(
  job: RunJob,
  { contextTokensOf }: Pick<FailOverContext, "contextTokensOf">,
): RunJob {
  const tooFew = contextTokensOf(job.provider) ?? 0;
  const hasRoom = (name: string) => (contextTokensOf(name) ?? Number.POSITIVE_INFINITY) > tooFew;
  return { ...job, fallback: job.fallback.filter(hasRoom) };
}

/** The job as it is for a later provider of its chain, which only ever goes forward. */
export function jobAt(job: RunJob, provider: string): RunJob {
  return { ...job, provider, fallback: job.fallback.slice(job.fallback.indexOf(provider) + 1) };
}

type Tried = Pick<FailOverContext, "hasSpoken" | "tries" | "provider">;

/** How long to wait before the same provider is asked again ahead of its fallback; undefined where it is not. */
export function waitBeforeRetry(
  { code, retryAfterMs }: ProviderError,
  { hasSpoken, tries, provider: { config, health } }: Tried,
): number | undefined {
  if (hasSpoken || !policyOf(code).later || tries > config.retries) return undefined;
  // A limit that does not say when it ends is not over at once.
  if (retryAfterMs === undefined && code === "provider_rate_limited") return undefined;
  // While the account rests, a run is not spent on it.
  const restMs = health.closed ? (health.closed.forMs ?? Number.POSITIVE_INFINITY) : 0;
  const waitMs = Math.max(retryAfterMs ?? 0, restMs);
  return waitMs > config.retryWithinMs ? undefined : Math.round(waitMs + between(AT_ONCE_MS));
}

function between({ least, most }: { readonly least: number; readonly most: number }): number {
  return least + Math.random() * (most - least);
}

/** How long to wait before the same provider is asked again where nobody else is there; undefined where that is no use. */
function waitBefore(
  { code, retryAfterMs }: ProviderError,
  { hasSpoken, tries, provider: { config } }: Tried,
): number | undefined {
  if (hasSpoken || !policyOf(code).later || tries >= MAX_TRIES + config.retries) return undefined;
  const waitMs = retryAfterMs ?? between(WAIT_MS);
  return waitMs > LONGEST_WAIT_MS ? undefined : Math.round(waitMs);
}

/** Ended or taken over meanwhile is not moved: writing the failure finds out, and is refused. */
async function move(
  { runId, provider: from }: RunJob,
  provider: string,
  { records, epoch, writer, because }: FailOverContext & { readonly because?: "retry" },
): Promise<boolean> {
  // From the move on this attempt writes nothing, and what it has said is the beginning of an answer.
  await writer.flush();
  const run = { runId, epoch, from, provider, because };
  return (await retryFor(() => records.move(run), MOVE_WITHIN_MS)) === "moved";
}
