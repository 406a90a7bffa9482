import { expect, test } from "vitest";
import { z } from "zod";
import { parseEnv } from "./env.ts";
import { tracingEnvShape, wantsTraces } from "./tracing-env.ts";

const parse = (env: NodeJS.ProcessEnv) =>
  parseEnv(z.object(tracingEnvShape), { env, prefix: "X_" }).values;

test("traces are wanted where there is a collector and nobody has turned them off", () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = "http://collector:4318";
  expect([
    wantsTraces(parse({})),
    wantsTraces(parse({ OTEL_EXPORTER_OTLP_ENDPOINT: "" })),
    wantsTraces(parse({ OTEL_EXPORTER_OTLP_ENDPOINT })),
    wantsTraces(parse({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c.example/otlp" })),
    wantsTraces(parse({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: "true" })),
    wantsTraces(parse({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: "none" })),
    wantsTraces(parse({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: "otlp" })),
  ]).toEqual([false, false, true, true, false, false, true]);
});

test("what OpenTelemetry would pass over without a word is a mistake here", () => {
  const wrong = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
    OTEL_TRACES_EXPORTER: "zipkin",
    OTEL_TRACES_SAMPLER: "sometimes",
    OTEL_TRACES_SAMPLER_ARG: "5",
  };
  expect(() => parse(wrong)).toThrow(
    /OTLP_ENDPOINT: must be an http(.|\n)*TRACES_EXPORTER: must be `otlp` or `none`(.|\n)*TRACES_SAMPLER: (.|\n)*SAMPLER_ARG: /,
  );
});
