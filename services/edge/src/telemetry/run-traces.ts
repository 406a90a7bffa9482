/**
 * The edge's part of a run's trace: one span from accepted to terminal. It is recorded at the end, from figures
 * that the edge measures anyway. So a trace costs nothing while text is delivered.
 */
import type { Component } from "@openclaw/runtime";
import type { Span, Tracer } from "@openclaw/tracing";
import type { EndedRun } from "../runs/ended-run.ts";

interface AcceptedRun {
  readonly runId: string;
  /** The provider that was asked. */
  readonly provider: string;
  /** The trace context of the client, if it has one. */
  readonly parent: string | undefined;
}

/** The traces of the runs that began on this edge and are open. */
export class RunTraces implements Component {
  readonly name = "run traces";
  readonly #tracer: Tracer;
  readonly #open = new Set<Span>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** A run was accepted. */
  begin({ runId, provider, parent }: AcceptedRun): RunTrace {
    const attributes = { "openclaw.run.id": runId, "openclaw.provider.asked": provider };
    const span = this.#tracer.begin({ name: "run", kind: "server", parent, attributes });
    if (span.isRecording) this.#open.add(span);
    return new RunTrace(span, () => this.#open.delete(span));
  }

  async start(): Promise<void> {
    // Nothing to prepare.
  }

  /** Runs that are open go on without this edge. The other processes trace the rest of them. */
  async stop(): Promise<void> {
    for (const span of this.#open) {
      span.set({ "openclaw.outcome": "left" });
      span.end();
    }
    this.#open.clear();
  }
}

class RunTrace {
  readonly #span: Span;
  readonly #onEnded: () => void;
  readonly #acceptedAt = performance.now();

  constructor(span: Span, onEnded: () => void) {
    this.#span = span;
    this.#onEnded = onEnded;
  }

  /** Makes a worker's span a part of this trace; undefined if traces are off. */
  get traceparent(): string | undefined {
    return this.#span.traceparent;
  }

  ended(run: EndedRun): void {
    const span = this.#span;
    if (!span.isRecording) return;
    this.#addWaits(run);
    const { firstFrameMs } = run.phases;
    if (firstFrameMs !== undefined) span.event("first text", this.#acceptedAt + firstFrameMs);
    span.set(factsOf(run));
    const { terminal } = run;
    span.end({ error: terminal.type === "failed" ? terminal.failure.code : undefined });
    this.#onEnded();
  }

  #addWaits({ edgePhases }: EndedRun): void {
    for (const { provider, since, ms } of edgePhases.waits) {
      const attributes = { "openclaw.provider": provider };
      const wait = this.#span.child({ name: "wait", kind: "internal", at: since, attributes });
      wait.end({ at: since + ms });
    }
  }
}

function factsOf({ answeredBy, model, terminal, attempts, phases }: EndedRun) {
  const usage = terminal.type === "completed" ? terminal.usage : undefined;
  return {
    "openclaw.outcome": terminal.type,
    "openclaw.attempts": attempts,
    "openclaw.provider": answeredBy,
    "openclaw.connection": phases.attempt?.connection,
    "openclaw.cancel.reason": terminal.type === "cancelled" ? terminal.reason : undefined,
    "gen_ai.request.model": model,
    "gen_ai.response.finish_reasons": terminal.type === "completed" ? [terminal.finish] : undefined,
    "gen_ai.usage.input_tokens": usage?.inputTokens,
    "gen_ai.usage.output_tokens": usage?.outputTokens,
  };
}
