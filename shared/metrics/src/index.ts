export * from "./buckets.ts";
export * from "./catalogue.ts";
export * from "./families.ts";
export type { HotCell } from "./hot-histogram.ts";
export * from "./labels.ts";
export * from "./latency-histogram.ts";
export * from "./metrics.ts";
export * from "./provider-health.ts";
export * from "./recent-latency.ts";
