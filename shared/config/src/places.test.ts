import { describe, expect, test } from "vitest";
import { parseGatewayConfig } from "./gateway-config.ts";
import { clusterPlaces, placesNote, placesOf } from "./places.ts";

function providerWith(settings: Record<string, unknown>) {
  const a = { kind: "openai", baseUrl: "http://127.0.0.1/v1", model: "m", ...settings };
  const { providers } = parseGatewayConfig({ providers: { a } }, { source: "test", env: {} });
  if (!providers.a) throw new Error("no provider");
  return providers.a;
}

describe("the places of a worker", () => {
  test("sockets follow the account, unless they are bounded by themselves", () => {
    expect(providerWith({}).pool.connections).toBe(32);
    expect(providerWith({ maxConcurrency: 10_000 }).pool.connections).toBe(10_000);
    const bounded = { maxConcurrency: 2_000, pool: { connections: 64 } };
    expect(providerWith(bounded).pool.connections).toBe(64);
    expect(providerWith({ pool: { connections: 10_000 } }).pool.connections).toBe(10_000);
  });

  test.each([
    [{ maxConcurrency: 2_000 }, { runs: 2_000, bound: "maxConcurrency" }],
    [{ maxConcurrency: 6_000 }, { runs: 5_000, bound: "WORKER_CONCURRENCY" }],
    [{ maxConcurrency: 5_000 }, { runs: 5_000, bound: "maxConcurrency" }],
    [
      { maxConcurrency: 2_000, pool: { connections: 64 } },
      { runs: 64, bound: "pool.connections" },
    ],
  ])("of %j and 5,000 of any provider: %j", (settings, places) => {
    expect(placesOf(providerWith(settings), 5_000)).toEqual(places);
  });
});

describe("the places of a cluster", () => {
  const worker = { runs: 64, bound: "pool.connections" } as const;
  const other = { runs: 100, bound: "WORKER_CONCURRENCY" } as const;

  test("enough of them: the account is the bound, and nothing is to be said", () => {
    const places = clusterPlaces(128, [worker, worker]);
    expect(places).toEqual({ workers: 2, runs: 128, bounds: ["maxConcurrency"] });
    expect(placesNote("a", 128, places)).toBeUndefined();
  });

  test("too few: the settings of the workers are named", () => {
    const places = clusterPlaces(2_000, [worker, other, worker]);
    expect(places.bounds).toEqual(["pool.connections", "WORKER_CONCURRENCY"]);
    expect(placesNote("a", 2_000, places)).toBe(
      "a: 3 workers have places for 228 runs at once of maxConcurrency 2000; raise pool.connections and WORKER_CONCURRENCY, or add workers",
    );
    expect(placesNote("a", 2_000, clusterPlaces(2_000, [other]))).toContain("1 worker has places");
  });
});
