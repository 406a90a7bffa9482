/** The traces of one process, as a part of it: off unless there is somewhere to send them. */
import type { Component } from "@openclaw/runtime";
import { NO_SPAN, type Span, type SpanOptions, type Tracer } from "./tracer.ts";

export interface TracingOptions {
  /** Whether there is a collector. Where it is, and everything else, OpenTelemetry reads from the environment. */
  readonly isOn: boolean;
  readonly service: "edge" | "worker";
  /** Which of them, as logs call it. */
  readonly node: string;
  readonly log: Readonly<Record<"warn", (facts: object, message: string) => void>>;
}

/** A tracer that sends what it recorded somewhere. */
export interface ExportingTracer extends Tracer {
  /** Sends what is left, within two seconds, or not at all. */
  close(): Promise<void>;
}

export class Tracing implements Component, Tracer {
  readonly name = "tracing";
  readonly #options: TracingOptions;
  #tracer: ExportingTracer | undefined;

  constructor(options: TracingOptions) {
    this.#options = options;
  }

  /** Loads OpenTelemetry, if it is wanted: 70 ms and 9 MB that nobody else pays for. */
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
