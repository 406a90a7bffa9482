export * from "./latency-histogram.ts";
export * from "./recent-latency.ts";
