/**
 * Keeps runs from a provider that is known to fail.
 *
 * A run goes to the next provider at once, or waits for the end of a short rest. Without either, its attempt fails at
 * once with what is known.
 */
import { type RunJob, RunPostponedError } from "@openclaw/queue";
import { ProviderError } from "../provider/contract/provider-error.ts";
import { effectOf, policyOf } from "../provider/health/failure-policy.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { LONGEST_WAIT_MS, passOn } from "./fail-over.ts";

/** Runs that wait for the same moment are spread over this time. */
const SPREAD_MS = 500;

/** The provider's known failure, repeated without asking it. */
export class NotAskedError extends ProviderError {}

/**
 * Moves a waiting run away from a closed provider.
 *
 * @returns whether the run was moved
 * @throws RunPostponedError for a run that waits for the end of a short rest
 */
export async function avoidsClosed(job: RunJob, context: AttemptContext): Promise<boolean> {
  const { closed } = context.provider.health;
  if (closed === undefined) return false;
  const { runId, provider } = job;
  const { code, forMs } = closed;
  const outcome = await passOn(job, context);
  if (outcome === "moved") {
    context.counts.count("passed_on");
    context.log.info({ runId, provider, code }, "run passed on");
    return true;
  }
  if (outcome === "elsewhere") return false;
  if (forMs === undefined || forMs > LONGEST_WAIT_MS) return false;
  context.counts.count("postponed");
  throw new RunPostponedError(runId, forMs + Math.round(Math.random() * SPREAD_MS));
}

/**
 * Refuses an attempt if the account is refused or rests. A provider with an open circuit is asked all the same: the
 * run has no other provider, and this one may answer.
 *
 * @throws NotAskedError
 */
export function refuseIfClosed({ name, health }: ProviderClient): void {
  const { closed } = health;
  if (closed === undefined) return;
  if (closed.forMs === undefined && policyOf(closed.code).askMostMs === undefined) return;
  const detail = "not asked, as it failed before";
  throw new NotAskedError(closed.code, { provider: name, detail, retryAfterMs: closed.forMs });
}

/** Reports a failure to the provider's health, which spares the next runs. */
export function noteFailure(
  { code, codeWithoutText, retryAfterMs }: ProviderError,
  { provider, limits }: Pick<AttemptContext, "provider" | "limits">,
): void {
  provider.health.failed(code, codeWithoutText);
  if (!effectOf(code, codeWithoutText).slowsDown) return;
  provider.health.complained(code, retryAfterMs);
  void limits.slowDown(provider.name, retryAfterMs);
}
