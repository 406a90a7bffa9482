/**
 * The worker's part of a run's trace: a consumer span for each job, with the spans of its requests.
 *
 * The attempt does not know of traces. If the span is recorded, it gets a client and a tally that also write to the span.
 * Otherwise it gets the plain ones, at no cost.
 */
import type { ErrorCode } from "@openclaw/protocol";
import { type RunJob, RunPostponedError, RunReleasedError } from "@openclaw/queue";
import type { Span, Tracer } from "@openclaw/tracing";
import type { ProviderClient } from "../provider/provider-client.ts";
import type { AttemptTally } from "../telemetry/attempt-counts.ts";
import { tracedClient } from "./traced-client.ts";

/** The parts of an attempt that write to a trace. */
export interface AttemptTools {
  readonly provider: ProviderClient;
  readonly counts: AttemptTally;
}

/** Runs `work` as a part of the run's trace. @throws the error of `work` */
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
    // A run that the queue offers again has not failed.
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

/** Writes each counted result to the span, as an event, and the last one as an attribute. */
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

/** An error without a code is a fault of the worker. */
function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "internal";
}
