import type { Attributes, Span, SpanOptions, Tracer } from "@openclaw/tracing";

/** What a span was told. */
export interface KeptSpan {
  readonly name: string;
  readonly parent: string | undefined;
  attributes: Attributes;
  readonly events: string[];
  /** The error of each of its ends, of which there should be one. */
  readonly ends: (string | undefined)[];
}

/** A tracer that sends its spans nowhere, and shows them instead. */
export class KeptSpans implements Tracer {
  readonly spans: KeptSpan[] = [];

  begin({ parent, ...options }: Parameters<Tracer["begin"]>[0]): Span {
    return this.#begin(options, parent);
  }

  #begin({ name, attributes = {} }: SpanOptions, parent: string | undefined): Span {
    const kept: KeptSpan = { name, parent, attributes, events: [], ends: [] };
    this.spans.push(kept);
    return {
      isRecording: true,
      traceparent: `traceparent of ${name}`,
      set: (more) => {
        kept.attributes = { ...kept.attributes, ...more };
      },
      event: (event) => void kept.events.push(event),
      child: (options) => this.#begin(options, name),
      end: ({ error } = {}) => void kept.ends.push(error),
    };
  }
}
