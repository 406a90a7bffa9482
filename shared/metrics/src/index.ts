export * from "./latency-histogram.ts";
export * from "./provider-health.ts";
export * from "./recent-latency.ts";
