export * from "./appender.ts";
export * from "./entry.ts";
export * from "./follower.ts";
export * from "./keys.ts";
export * from "./position.ts";
export * from "./run-records.ts";
export type { RunStatus } from "./run-status.ts";
export type { AppendOutcome, FirstText, LossReason, RunWriter } from "./run-writer.ts";
export * from "./subscription.ts";
