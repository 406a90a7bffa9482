export * from "./tracer.ts";
export * from "./tracing.ts";
