/**
 * When a provider fails, the next one of its chain is asked, over its own queue, so that its limit
 * holds for moved runs as for any other.
 *
 * A worker may die at any point of the move. So the record moves first: from then on the old queue's
 * job finds the run moved, and whoever is offered that job again only repeats the second step.
 */
import { type ErrorCode, mayFailOver } from "@openclaw/protocol";
import type { RunJob, RunQueues } from "@openclaw/queue";
import { persist } from "@openclaw/runtime";
import type { RunRecords, RunWriter } from "@openclaw/stream";
import type { ProviderError } from "../provider/provider-error.ts";

/** Afterwards the queue offers the run again, here or elsewhere. */
const MOVE_WITHIN_MS = 2_000;

export interface FailOverContext {
  readonly records: RunRecords;
  readonly queues: Pick<RunQueues, "add" | "has">;
  readonly epoch: number;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** Whether the failed attempt got as far as saying something. */
  readonly hasSpoken: boolean;
  readonly writer: Pick<RunWriter, "flush">;
}

/** Failures that took nothing from what was said before: it is the beginning of a good answer. */
const BREAKS: ReadonlySet<ErrorCode> = new Set(["provider_cut", "provider_stalled"]);

/**
 * Gives the run to the next provider of its chain, unless that could not help or it was tried often
 * enough. What the failed attempt has written stays: its readers know what to do when the next begins.
 *
 * @returns the provider that has the run now, if it moved
 */
export async function failOver(
  job: RunJob,
  error: ProviderError,
  { records, queues, epoch, attempt, maxAttempts, hasSpoken, writer }: FailOverContext,
): Promise<string | undefined> {
  const next = job.fallback.find((name) => queues.has(name));
  if (next === undefined || attempt >= maxAttempts || !mayFailOver(error.code)) return undefined;
  // From the move on this attempt writes nothing, and what it has said is the beginning of an answer.
  await writer.flush();
  const run = { runId: job.runId, epoch, provider: next };
  const outcome = await persist(() => records.move(run), MOVE_WITHIN_MS);
  // Ended or taken over meanwhile: writing the failure finds out, and is refused.
  if (outcome !== "moved") return undefined;
  const anew = hasSpoken ? !BREAKS.has(error.code) : job.anew;
  await requeue({ ...job, anew }, next, queues);
  return next;
}

/** Puts a run on another provider's queue; once more changes nothing. */
export async function requeue(
  job: RunJob,
  provider: string,
  queues: Pick<RunQueues, "add">,
): Promise<void> {
  const fallback = job.fallback.slice(job.fallback.indexOf(provider) + 1);
  await persist(() => queues.add({ ...job, provider, fallback }), MOVE_WITHIN_MS);
}
