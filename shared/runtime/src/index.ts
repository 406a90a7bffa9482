export * from "./life-cycle.ts";
export * from "./log.ts";
export * from "./node-registry.ts";
export * from "./persist.ts";
export * from "./private-redis.ts";
export * from "./redis.ts";
export * from "./redis-pulse.ts";
export * from "./stop-signals.ts";
