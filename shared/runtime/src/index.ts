export * from "./life-cycle.ts";
export * from "./log.ts";
export * from "./redis.ts";
