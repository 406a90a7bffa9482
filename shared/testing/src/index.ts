export * from "./cluster.ts";
export * from "./eventually.ts";
export * from "./faulty-redis.ts";
export * from "./free-port.ts";
export * from "./redis-fixture.ts";
export * from "./tcp-proxy.ts";
export * from "./v1-client.ts";
export * from "./v2-client.ts";
