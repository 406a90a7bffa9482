/**
 * Passes the pieces of one attempt from the provider to the run's log.
 *
 * An attempt that continues an earlier one writes the earlier text first, so that the text of every attempt is complete.
 * A provider that refuses to continue is asked for a new answer at once.
 */
import type { RunJob } from "@openclaw/queue";
import type { RunRecords, RunWriter, TerminalEntry } from "@openclaw/stream";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ChatRequest, ProviderEvent } from "../provider/contract/provider-event.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import { Deadlines } from "./deadlines.ts";
import { type HedgeContext, hedgeWhenLate } from "./hedge.ts";
import { type PartialAnswer, readPartial } from "./partial-answer.ts";

export interface RelayContext extends HedgeContext {
  readonly provider: ProviderClient;
  readonly records: Pick<RunRecords, "read">;
  /** No earlier attempt brought a token. */
  readonly isFirst: boolean;
  /** How often in a row this provider was asked, this time included. */
  readonly tries: number;
  readonly writer: RunWriter;
  readonly stopping: AbortController;
  /** An answer that has begun already. Without it, this asks the provider. */
  readonly begun?: { readonly events: AsyncIterable<ProviderEvent> };
}

/**
 * Relays the answer to its end, and returns its terminal entry.
 *
 * @throws ProviderError if the provider failed; the reason of `stopping` once that is aborted
 */
export async function relayAnswer(job: RunJob, context: RelayContext): Promise<TerminalEntry> {
  const { provider, stopping, begun } = context;
  // Has its own time limit, outside the deadlines of the provider.
  const partial = begun ? undefined : await partialOf(job, context);
  stopping.signal.throwIfAborted();
  const deadlines = new Deadlines(provider.name, provider.config.timeouts, (error) =>
    stopping.abort(error),
  );
  // A later attempt may continue the text that a v1 client has, which a hedge with another model hardly would. A retry
  // had its hedge before.
  const mayHedge = !begun && context.isFirst && context.tries === 1;
  const stopHedging = mayHedge ? hedgeWhenLate(job, context) : () => undefined;
  try {
    if (partial === undefined) return await ask(job, context, { deadlines });
    try {
      return await ask(job, context, { deadlines, partial });
    } catch (error) {
      if (!mayHaveRefusedPartial(error)) throw error;
      const { code, status: httpStatus } = error;
      const facts = { runId: job.runId, epoch: context.epoch, provider: provider.name };
      context.log.warn({ ...facts, code, httpStatus }, "continuation refused, answer begins again");
      return await ask(job, context, { deadlines });
    }
  } finally {
    deadlines.clear();
    stopHedging();
  }
}

/** The text that this attempt continues. If Redis does not answer, the answer begins again. */
async function partialOf(job: RunJob, context: RelayContext): Promise<PartialAnswer | undefined> {
  const { epoch, log } = context;
  try {
    const partial = await readPartial(job, context);
    const facts = { runId: job.runId, epoch, provider: job.provider, characters: partial?.length };
    if (partial) log.info(facts, "continuing the answer so far");
    return partial;
  } catch (error) {
    log.warn(
      { runId: job.runId, epoch, err: error },
      "answer so far not read, answer begins again",
    );
    return undefined;
  }
}

/** The refusal came before the answer, and its reason may be the continuation. */
function mayHaveRefusedPartial(error: unknown): error is ProviderError {
  if (!(error instanceof ProviderError) || error.status === 200) return false;
  return error.code === "provider_rejected" || error.code === "context_length_exceeded";
}

/** The request of a job, to any provider. */
export function requestOf({ messages, options, passed, extra, limitName }: RunJob): ChatRequest {
  return { messages, options, passed, extra, limitName };
}

interface Asking {
  readonly deadlines: Deadlines;
  readonly partial?: PartialAnswer;
}

/** Asks the provider, and writes its pieces as they come. */
async function ask(
  job: RunJob,
  { provider, writer, clock, stopping, begun }: RelayContext,
  { deadlines, partial }: Asking,
): Promise<TerminalEntry> {
  const request = { ...requestOf(job), partial: partial?.given };
  const events = begun?.events ?? provider.stream(request, { signal: stopping.signal });
  for await (const event of events) {
    switch (event.type) {
      case "headers":
        clock.headers(event.connection, event.sentAt);
        break;
      case "text":
      case "reasoning":
      case "tool_call":
        deadlines.progress();
        if (clock.token()) provider.health.firstToken(clock.firstTokenMs ?? 0);
        writer.write(
          event.type === "text" && partial ? { ...event, text: partial.pass(event.text) } : event,
        );
        if (writer.isFull) await writer.ready();
        break;
      case "finished": {
        // If the continuation was empty, the text so far is the answer.
        if (partial) writer.write({ type: "text", text: partial.pass("") });
        provider.health.finished();
        const { finish, usage } = event;
        return { type: "completed", finish, usage, timings: clock.read() };
      }
    }
  }
  throw new ProviderError("provider_cut", { provider: provider.name });
}
