/**
 * Tracing by OpenTelemetry, exported by OTLP over HTTP. Only this file, `watched-exporter.ts` and
 * `collector-answers.ts` know it, and only `tracing.ts` loads them.
 *
 * Nothing is registered globally and nothing is instrumented: a span's parent is always said. Times are of the
 * monotonic clock, set against the wall clock once for each span that begins a process's part of a trace, so
 * that a clock that is put right in the middle of a run makes no phase negative.
 */

import { LATE, within } from "@openclaw/runtime/waits";
import {
  type Context,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { parseTraceParent } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Attributes, Span, SpanEnd, SpanOptions } from "./tracer.ts";
import type { ExportingTracer, TracingOptions } from "./tracing-options.ts";
import { WatchedExporter } from "./watched-exporter.ts";

const KINDS = {
  server: SpanKind.SERVER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
} as const;

const CLOSE_WITHIN_MS = 2_000;

/**
 * Where spans go, and which are kept, is in the standard variables (`OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`,
 * `OTEL_TRACES_SAMPLER*`), which the SDK reads itself.
 */
export function createOtelTracer({ service, node, log }: TracingOptions): ExportingTracer {
  const exporter = new WatchedExporter(new OTLPTraceExporter(), log);
  const provider = new BasicTracerProvider({
    resource: resourceOf(service, node),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer("openclaw");
  return {
    begin: ({ parent, ...options }) => {
      const clock = Date.now() - performance.now();
      return begin(tracer, options, { context: contextOf(parent), clock });
    },
    close: async () => {
      // Who does not listen is not talked to while somebody waits for this process to end.
      if (exporter.isFailing) return exporter.stopListening();
      const outcome = await within(
        CLOSE_WITHIN_MS,
        provider.shutdown().catch(() => "failed"),
      );
      if (outcome === LATE) log.warn({ withinMs: CLOSE_WITHIN_MS }, "last traces not exported");
    },
  };
}

interface Place {
  readonly context: Context;
  /** What added to the monotonic clock gives the time of day, in milliseconds. */
  readonly clock: number;
}

function begin(
  tracer: OtelTracer,
  { name, kind, attributes = {}, at = performance.now() }: SpanOptions,
  { context, clock }: Place,
): Span {
  const startTime = clock + at;
  const options = { kind: KINDS[kind], attributes: defined(attributes), startTime };
  const span = tracer.startSpan(name, options, context);
  return new RecordedSpan(span, {
    clock,
    begin: (inner) => begin(tracer, inner, { context: trace.setSpan(context, span), clock }),
  });
}

class RecordedSpan implements Span {
  readonly isRecording: boolean;
  readonly traceparent: string;
  readonly #span: OtelSpan;
  readonly #clock: number;
  readonly #begin: (options: SpanOptions) => Span;

  constructor(
    span: OtelSpan,
    { clock, begin }: Pick<Place, "clock"> & { begin(options: SpanOptions): Span },
  ) {
    this.#span = span;
    this.#clock = clock;
    this.#begin = begin;
    this.isRecording = span.isRecording();
    this.traceparent = traceparentOf(span.spanContext());
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(defined(attributes));
  }

  event(name: string, at = performance.now()): void {
    this.#span.addEvent(name, this.#clock + at);
  }

  child(options: SpanOptions): Span {
    return this.#begin(options);
  }

  end({ error, at = performance.now() }: SpanEnd = {}): void {
    if (error !== undefined) {
      this.#span.setAttribute("error.type", error);
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end(this.#clock + at);
  }
}

/** The operator's own names for it (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`) come before ours. */
function resourceOf(service: string, node: string) {
  const ours = resourceFromAttributes({
    "service.name": `openclaw-${service}`,
    "service.instance.id": node,
  });
  return defaultResource()
    .merge(ours)
    .merge(detectResources({ detectors: [envDetector] }));
}

function contextOf(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? null : parseTraceParent(traceparent);
  return parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT;
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** OpenTelemetry would keep an attribute without a value. */
function defined(attributes: Attributes): Record<string, string | number | boolean | string[]> {
  const pairs = Object.entries(attributes).filter(([, value]) => value !== undefined);
  // Its type asks for arrays that may be written to, and it writes to none.
  return Object.fromEntries(pairs) as Record<string, string | number | boolean | string[]>;
}
