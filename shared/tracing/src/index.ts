export * from "./tracer.ts";
export * from "./tracing.ts";
export * from "./tracing-options.ts";
