import { Metrics } from "@openclaw/metrics";
import { createLogger } from "@openclaw/runtime";
import { eventually, Scraped } from "@openclaw/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { collect, errorOf, provider } from "../testing/asking.ts";
import { beginStream, configFor, frame } from "../testing/fake-provider.ts";
import { ProviderMeters } from "./provider-meter.ts";

const log = createLogger({ service: "test", level: "silent" });
const FIRST_CHUNK = "gen_ai_client_operation_time_to_first_chunk_seconds";
const DURATION = "gen_ai_client_operation_duration_seconds_count";

let clients: ProviderClient[];
let metrics: Metrics;
let meters: ProviderMeters;

beforeEach(() => {
  clients = [];
  const provider = { model: "m", region: "overseas" } as const;
  const gateway = { current: { providers: { fake: provider }, targets: {} } };
  metrics = new Metrics({ kind: "worker", gateway, node: false });
  meters = new ProviderMeters(metrics);
});

afterEach(() => Promise.all(clients.map((client) => client.stop())));

async function client(url: string): Promise<ProviderClient> {
  const config = configFor(url, { pool: { warm: 1, connections: 4 } });
  const created = createProviderClient({ name: "fake", config, log, meter: meters.of("fake") });
  clients.push(created);
  await created.start();
  return created;
}

const scrape = async () => new Scraped(await metrics.read());

test("the clock of the first chunk runs through headers, roles and empty deltas", async () => {
  const events: ProviderEvent[] = [];
  const { url } = await provider(async (_request, response) => {
    beginStream(response, frame({ role: "assistant", content: "" }), ": keep-alive\n\n");
    response.write(frame({ content: "" }));
    await new Promise((resolve) => setTimeout(resolve, 60));
    response.write(frame({ content: "Hi" }));
    // Chunks that are read together have no gap.
    await eventually("Hi", () => events.some(({ type }) => type === "text"));
    await new Promise((resolve) => setTimeout(resolve, 60));
    const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 };
    response.write(frame({ content: " you" }));
    response.end(
      `data: ${JSON.stringify({ choices: [choice("stop")], usage })}\n\ndata: [DONE]\n\n`,
    );
  });
  await collect(await client(url), undefined, events);
  const seen = await scrape();
  const warm = { provider: "fake", region: "overseas", connection: "warm" };
  expect(seen.sum(`${FIRST_CHUNK}_count`, warm)).toBe(1);
  expect(seen.sum(`${FIRST_CHUNK}_sum`)).toBeGreaterThan(0.055);
  const gap = "gen_ai_client_operation_time_per_output_chunk_seconds";
  expect(seen.sum(`${gap}_count`)).toBe(1);
  expect(seen.sum(`${gap}_sum`)).toBeGreaterThan(0.055);
  expect(seen.sum("openclaw_answer_characters_total", { content: "text" })).toBe(6);
  const tokens = (type: string) => seen.sum("gen_ai_client_token_usage_sum", { token_type: type });
  expect([tokens("input"), tokens("output")]).toEqual([7, 2]);
  expect(seen.sum(DURATION, { ...warm, outcome: "completed" })).toBe(1);
});

test("a refusal is an error under its code, an answer that nobody wants is cancelled and no error", async () => {
  let status = 429;
  const { url } = await provider((_request, response) => {
    if (status !== 200) response.writeHead(status).end("{}");
    else beginStream(response, frame({ content: "Hi" }));
  });
  const asked = await client(url);
  await errorOf(collect(asked));
  status = 200;
  for await (const { type } of asked.stream(
    { messages: [{ role: "user", content: "?" }] },
    { signal: new AbortController().signal },
  )) {
    if (type === "text") break;
  }
  const seen = await scrape();
  expect(seen.sum("openclaw_provider_errors_total")).toBe(1);
  expect(seen.sum("openclaw_provider_errors_total", { code: "provider_rate_limited" })).toBe(1);
  expect(seen.sum(DURATION, { outcome: "failed" })).toBe(1);
  expect(seen.sum(DURATION, { outcome: "cancelled" })).toBe(1);
});

test("sockets are told by what they do, and a client that was stopped tells nothing", async () => {
  let end = () => undefined as unknown;
  const { url } = await provider((_request, response) => {
    beginStream(response, frame({ content: "Hi" }));
    end = () => response.end(frame({}, "stop"));
  });
  const asked = await client(url);
  const untilUses = (...wanted: number[]) =>
    eventually(`sockets ${wanted}`, async () => {
      const seen = await scrape();
      const uses = ["spare", "idle", "busy"].map((use) =>
        seen.sum("openclaw_pool_connections", { use }),
      );
      return uses.join() === wanted.join();
    });
  await untilUses(1, 0, 0);
  const answered = collect(asked);
  await untilUses(1, 0, 1);
  end();
  await answered;
  await untilUses(1, 1, 0);
  expect((await scrape()).sum("openclaw_provider_state", { state: "available" })).toBe(1);
  await asked.stop();
  expect((await scrape()).count(/^openclaw_pool_connections$/)).toBe(0);
});

function choice(finish_reason: string) {
  return { index: 0, delta: {}, finish_reason };
}
