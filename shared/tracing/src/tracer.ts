/**
 * The gateway's own interface to tracing. The implementation is loaded only where traces are wanted; elsewhere every
 * span is `NO_SPAN`, which does nothing.
 */

/** Names follow the semantic conventions of OpenTelemetry where these have one. Never text of a user or a model. */
export type Attributes = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface SpanOptions {
  /** One of few: what differs between runs is an attribute. */
  readonly name: string;
  readonly kind: "server" | "consumer" | "client" | "internal";
  readonly attributes?: Attributes;
  /** When it began, on this process's monotonic clock; now, where that is not said. */
  readonly at?: number;
}

export interface SpanEnd {
  /** One of our codes: the span is one of a failure. */
  readonly error?: string | undefined;
  /** As in `SpanOptions`. */
  readonly at?: number;
}

/** Something that takes time and belongs to a trace. After its end it takes nothing more. */
export interface Span {
  /** Whether anything of it is kept. Where it is not, there is no use in gathering what to say. */
  readonly isRecording: boolean;
  /** The W3C trace context that makes another process's span a child of this; undefined where traces are off. */
  readonly traceparent: string | undefined;
  set(attributes: Attributes): void;
  /** Something that happened at one moment: now, or at another reading of the monotonic clock. */
  event(name: string, at?: number): void;
  /** A span of this process that is part of this one. */
  child(options: SpanOptions): Span;
  end(end?: SpanEnd): void;
}

export interface Tracer {
  /**
   * Begins the first span of this process in a trace.
   *
   * @param parent a `traceparent` from outside, which decides what trace that is and whether it is
   *   sampled; where it is missing or malformed, a new trace begins
   */
  begin(options: SpanOptions & { readonly parent?: string | undefined }): Span;
}

export const NO_SPAN: Span = {
  isRecording: false,
  traceparent: undefined,
  set: ignore,
  event: ignore,
  child: () => NO_SPAN,
  end: ignore,
};

function ignore(): void {
  // Traces are off.
}
