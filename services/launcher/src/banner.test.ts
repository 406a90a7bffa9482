import { describe, expect, test } from "vitest";
import { banner } from "./banner.ts";
import { planProviders } from "./providers.ts";
import { withoutCredentials } from "./redis-url.ts";

const facts = {
  host: "127.0.0.1",
  port: 8001,
  edges: 2,
  workers: 1,
  workerConcurrency: 5_000,
  keys: 0,
  publicUrl: undefined,
  redis: { url: "redis://127.0.0.1:43871", isPrivate: true },
  metrics: [
    { name: "worker-1", port: 40_003 },
    { name: "edge-10", port: 40_001 },
    { name: "edge-2", port: 40_002 },
  ],
  providers: planProviders({}),
};

describe("banner", () => {
  test("says where to connect, what runs and how to end it", () => {
    expect(banner(facts)).toBe(`OpenClaw Streaming Gateway is running.

  WebSocket   ws://127.0.0.1:8001/ws/stream/{session_id}
  OpenAI API  http://127.0.0.1:8001/v1
  Health      http://127.0.0.1:8001/health
  Listening   host 127.0.0.1, port 8001
  Keys        none is asked for: every program that reaches it is served
  Processes   2 edges, 1 worker
  Redis       private, redis://127.0.0.1:43871
  Metrics     http://127.0.0.1:40002/metrics  edge-2
              http://127.0.0.1:40001/metrics  edge-10
              http://127.0.0.1:40003/metrics  worker-1
  Providers   nvidia1  simulated  32 at once  nvidia/nemotron-3-nano-30b-a3b
              nvidia2  simulated  32 at once  openai/gpt-oss-20b  (default)
              zhipu    simulated  32 at once  glm-4.7-flash
              hunyuan  simulated  32 at once  hy3
              no provider key is set, so every answer is simulated

Ctrl-C stops everything.
`);
  });

  test("names the providers that were left out, and the variable each waits for", () => {
    const text = banner({ ...facts, providers: planProviders({ ZHIPU_API_KEY: "secret" }) });
    expect(text).toContain("Providers   zhipu  real       32 at once  glm-4.7-flash  (default)");
    expect(text).toContain(
      "left out, no key: nvidia1 (NVIDIA1_API_KEY), nvidia2 (NVIDIA2_API_KEY), hunyuan (HUNYUAN_API_KEY)",
    );
    expect(text).not.toContain("secret");
  });

  test("says whether keys are asked for, and where users come from outside", () => {
    const text = banner({ ...facts, keys: 2, publicUrl: "https://gateway.example.com" });
    expect(text).toContain("Keys        asked for, 2 keys (EDGE_API_KEYS)");
    expect(text).toContain("Public URL  https://gateway.example.com (EDGE_PUBLIC_URL)");
  });

  test("names the groups, and the default where it is one", () => {
    const groups = [{ name: "pair", members: ["a", "b"], isDefault: true }];
    const text = banner({ ...facts, providers: { ...facts.providers, groups } });
    expect(text).toContain("pair is the best of a, b  (default)");
  });

  test("an account that takes more runs than its workers says so, and which setting bounds them", () => {
    const [one] = facts.providers.shown;
    if (!one) throw new Error("no provider");
    const wide = { ...one, name: "wide", maxConcurrency: 2_000, pool: { connections: 64 } };
    const bounded = { ...facts.providers, shown: [one, wide] };
    const text = banner({ ...facts, workers: 2, providers: bounded });
    expect(text).toContain("nvidia1  simulated   32 at once  ");
    expect(text).toContain("wide     simulated  128 at once  ");
    expect(text).toContain(
      "wide: 2 workers have places for 128 runs at once of maxConcurrency 2000; raise pool.connections, or add workers",
    );
  });

  test.each([
    ["0.0.0.0", "ws://127.0.0.1:8001/"],
    ["::", "ws://127.0.0.1:8001/"],
    ["::1", "ws://[::1]:8001/"],
  ])("gives a URL that works when listening on %s", (host, url) => {
    expect(banner({ ...facts, host })).toContain(url);
  });

  test("a Redis URL is shown without its credentials", () => {
    expect(withoutCredentials("redis://user:pass@redis.internal:6380/2?password=x")).toBe(
      "redis://redis.internal:6380/2",
    );
    expect(withoutCredentials("localhost:6379")).toBeUndefined();
    expect(withoutCredentials("nonsense")).toBeUndefined();
  });
});
