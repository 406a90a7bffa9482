export * from "./life-cycle.ts";
export * from "./log.ts";
export * from "./private-redis.ts";
export * from "./redis.ts";
