export * from "./close-code.ts";
export * from "./conversation.ts";
export * from "./error-code.ts";
export * from "./run.ts";
export * from "./session-id.ts";
export * from "./v1.ts";
export * from "./v2.ts";
