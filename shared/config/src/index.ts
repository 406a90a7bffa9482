export * from "./continuation.ts";
export * from "./env.ts";
export * from "./gateway-config.ts";
export * from "./load-gateway-config.ts";
export * from "./option-limits.ts";
export * from "./problem.ts";
export * from "./settings.ts";
export * from "./shipped-providers.ts";
