/**
 * The worker's part of a run's trace: a consumer span for each job, with the requests to the provider in it.
 *
 * The attempt itself knows nothing of it. It is given a client and a tally that tell the span as well, and only
 * where the span is kept; otherwise it has its own, and there is nothing to pay.
 */
import type { ErrorCode } from "@openclaw/protocol";
import { type RunJob, RunPostponedError, RunReleasedError } from "@openclaw/queue";
import type { Span, Tracer } from "@openclaw/tracing";
import type { ProviderClient } from "../provider/provider-client.ts";
import type { AttemptTally } from "../telemetry/attempt-counts.ts";
import { tracedClient } from "./traced-client.ts";

/** What an attempt is made with, and a trace listens to. */
export interface AttemptTools {
  readonly provider: ProviderClient;
  readonly counts: AttemptTally;
}

/** Has `work` done on a job as a part of its run's trace. @throws what `work` throws */
export async function traceAttempt(
  tracer: Tracer,
  job: RunJob,
  tools: AttemptTools,
  work: (tools: AttemptTools) => Promise<void>,
): Promise<void> {
  const span = begin(tracer, job);
  if (!span.isRecording) return work(tools);
  let failed: ErrorCode | undefined;
  const onOver = (error: ErrorCode | undefined) => {
    failed = error;
  };
  try {
    await work({
      provider: tracedClient(tools.provider, { parent: span, onOver }),
      counts: tracedTally(tools.counts, span),
    });
    span.end({ error: failed });
  } catch (error) {
    // To be offered a run again, later or elsewhere, is no failure of its own.
    const goesOn = error instanceof RunPostponedError || error instanceof RunReleasedError;
    span.end({ error: goesOn ? failed : (failed ?? codeOf(error)) });
    throw error;
  }
}

function begin(tracer: Tracer, { runId, provider, hedges, traceparent }: RunJob): Span {
  return tracer.begin({
    name: `process ${provider}`,
    kind: "consumer",
    parent: traceparent,
    attributes: {
      "messaging.system": "bullmq",
      "messaging.operation.type": "process",
      "messaging.destination.name": provider,
      "openclaw.run.id": runId,
      "openclaw.provider": provider,
      "openclaw.hedge": hedges !== undefined,
    },
  });
}

/** Tells the span what is counted: how the attempt came out last, and what became of it on the way there. */
function tracedTally(counts: AttemptTally, span: Span): AttemptTally {
  return {
    count: (result) => {
      counts.count(result);
      span.event(result.replaceAll("_", " "));
      span.set({ "openclaw.attempt.result": result });
    },
    timed: (phases) => {
      counts.timed?.(phases);
      for (const [phase, ms] of Object.entries(phases)) {
        span.set({ [`openclaw.phase.${phase}`]: ms === undefined ? undefined : ms / 1_000 });
      }
    },
  };
}

/** Our errors have one; what has none is a fault of ours. */
function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "internal";
}
