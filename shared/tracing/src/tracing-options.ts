/** What tracing is given, and what the file that knows OpenTelemetry gives back. */
import type { Tracer } from "./tracer.ts";

export interface TracingOptions {
  /** Whether a collector is configured. Its address and all else OpenTelemetry reads from the environment. */
  readonly isOn: boolean;
  readonly service: "edge" | "worker";
  /** The name of this node, as in its logs. */
  readonly node: string;
  readonly log: Readonly<Record<"warn", (facts: object, message: string) => void>>;
}

/** A tracer that sends the spans it recorded to a collector. */
export interface ExportingTracer extends Tracer {
  /** Sends the remaining spans within 2 s; drops them after that. */
  close(): Promise<void>;
}
