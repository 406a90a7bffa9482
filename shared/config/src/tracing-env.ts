/**
 * Whether there are traces: variables that OpenTelemetry defines, under its names, and reads itself. They stand here
 * to be documented and to be checked at the start: OpenTelemetry would ignore a mistake without a word.
 */
import { z } from "zod";

const endpoint = z.url({
  protocol: /^https?$/,
  error: "must be an http:// or https:// URL",
});

const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

export const tracingEnvShape = {
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint
    .optional()
    .describe(
      "Base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://collector:4318`. Spans of runs go to `/v1/traces` there. Not set: no traces.",
    ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint
    .optional()
    .describe("The same as a whole URL with its path. If both are set, this one counts."),
  OTEL_TRACES_EXPORTER: z
    .enum(["otlp", "none"], { error: "must be `otlp` or `none`" })
    .default("otlp")
    .describe("`none` turns traces off even if an endpoint is set, for example for other signals."),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS)
    .default("parentbased_always_on")
    .describe("Which traces are kept. `parentbased` samplers follow the client's `traceparent`."),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number({ error: "must be a number from 0 to 1" })
    .min(0)
    .max(1)
    .default(1)
    .describe("The share of traces that a `traceidratio` sampler keeps."),
  OTEL_SDK_DISABLED: z
    .string()
    .optional()
    .describe("`true` turns traces off, even if an endpoint is set."),
};

const tracingEnvSchema = z.object(tracingEnvShape);
type TracingEnv = Pick<
  z.infer<typeof tracingEnvSchema>,
  | "OTEL_EXPORTER_OTLP_ENDPOINT"
  | "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
  | "OTEL_TRACES_EXPORTER"
  | "OTEL_SDK_DISABLED"
>;

/** Whether spans are wanted, and a collector is configured. */
export function wantsTraces(env: TracingEnv): boolean {
  const url = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const isOff = env.OTEL_SDK_DISABLED?.toLowerCase() === "true";
  return url !== undefined && env.OTEL_TRACES_EXPORTER !== "none" && !isOff;
}
