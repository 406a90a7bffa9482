export * from "./eventually.ts";
export * from "./redis-fixture.ts";
