/** The traces of one process, as a component of it: off unless a collector is configured. */
import type { Component } from "@openclaw/runtime";
import { NO_SPAN, type Span, type SpanOptions, type Tracer } from "./tracer.ts";
import type { ExportingTracer, TracingOptions } from "./tracing-options.ts";

export class Tracing implements Component, Tracer {
  readonly name = "tracing";
  readonly #options: TracingOptions;
  #tracer: ExportingTracer | undefined;

  constructor(options: TracingOptions) {
    this.#options = options;
  }

  /** Loads OpenTelemetry only where traces are on: it costs 70 ms and 9 MB. */
  async start(): Promise<void> {
    if (!this.#options.isOn) return;
    const { createOtelTracer } = await import("./otel-tracer.ts");
    this.#tracer = createOtelTracer(this.#options);
  }

  begin(options: SpanOptions & { readonly parent?: string | undefined }): Span {
    return this.#tracer?.begin(options) ?? NO_SPAN;
  }

  async stop(): Promise<void> {
    const tracer = this.#tracer;
    this.#tracer = undefined;
    await tracer?.close();
  }
}
