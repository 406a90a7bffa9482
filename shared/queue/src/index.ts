export * from "./account-verdicts.ts";
export * from "./build-roster.ts";
export * from "./intake-errors.ts";
export * from "./queue-limits.ts";
export * from "./run-intake.ts";
export * from "./run-job.ts";
export * from "./run-queues.ts";
