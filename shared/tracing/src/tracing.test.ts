import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NO_SPAN } from "./tracer.ts";
import { Tracing } from "./tracing.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const lines: [level: string, message: string, facts: object][] = [];
const log = {
  info: (facts: object, message: string) => void lines.push(["info", message, facts]),
  warn: (facts: object, message: string) => void lines.push(["warn", message, facts]),
};

/** Everything a collector on this port was sent, as text. */
async function collector(port = 0) {
  const received: string[] = [];
  const answer = { status: 200, type: "application/json", body: "{}", retryAfter: "3600" };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push(body);
    const headers = { "content-type": answer.type, "retry-after": answer.retryAfter };
    response.writeHead(answer.status, headers).end(answer.body);
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
  const close = async () => {
    server.closeAllConnections();
    await once(server.close(), "close");
  };
  // It listens on TCP.
  return { received, answer, port: (server.address() as AddressInfo).port, close };
}

async function started(port: number): Promise<Tracing> {
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", `http://127.0.0.1:${port}`);
  const tracing = new Tracing({ isOn: true, service: "edge", node: "edge-1", log });
  await tracing.start();
  return tracing;
}

const loaded = () =>
  Object.keys(createRequire(import.meta.url).cache).filter((path) =>
    path.includes("@opentelemetry"),
  );

beforeEach(() => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_TIMEOUT", "200");
  lines.length = 0;
});

afterEach(() => {
  vi.unstubAllEnvs();
});

// First, while this process has not loaded it for another test.
test("nothing of OpenTelemetry is loaded where traces are off", async () => {
  const tracing = new Tracing({ isOn: false, service: "edge", node: "edge-1", log });
  await tracing.start();
  const span = tracing.begin({ name: "run", kind: "server", parent: PARENT });
  span.child({ name: "wait", kind: "internal" }).end();
  span.end({ error: "internal" });
  await tracing.stop();
  expect([span, span.traceparent, loaded()]).toEqual([NO_SPAN, undefined, []]);
  const on = await started(9);
  expect(loaded()).not.toEqual([]);
  await on.stop();
});

test("what has ended is sent before the process stops, as a part of the trace that was given", async () => {
  const { received, port, close } = await collector();
  const tracing = await started(port);
  const span = tracing.begin({
    name: "run",
    kind: "server",
    parent: PARENT,
    attributes: { a: undefined, b: 1 },
  });
  span.event("first text", performance.now());
  span.child({ name: "wait", kind: "internal" }).end();
  span.end({ error: "provider_cut" });
  await tracing.stop();
  await close();
  const [
    {
      resourceSpans: [
        {
          resource,
          scopeSpans: [{ spans }],
        },
      ],
    },
  ] = received.map((body) => JSON.parse(body));
  expect(resource.attributes).toContainEqual({
    key: "service.name",
    value: { stringValue: "openclaw-edge" },
  });
  const [wait, run] = spans;
  expect(run).toMatchObject({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    parentSpanId: "b7ad6b7169203331",
    kind: 2,
    status: { code: 2 },
    events: [{ name: "first text" }],
    attributes: [
      { key: "b", value: { intValue: 1 } },
      { key: "error.type", value: { stringValue: "provider_cut" } },
    ],
  });
  expect(wait).toMatchObject({ traceId: run.traceId, parentSpanId: run.spanId });
  expect(span.traceparent).toBe(`00-${run.traceId}-${run.spanId}-01`);
});

test.each(["", "00-0-0-01", "x".repeat(55)])(
  "a malformed traceparent (%s) begins a trace",
  async (parent) => {
    const tracing = await started(9);
    expect(tracing.begin({ name: "run", kind: "server", parent }).traceparent).toMatch(
      /^00-[\da-f]{32}-[\da-f]{16}-01$/,
    );
    await tracing.stop();
  },
);

test("what a client does not want sampled is not recorded, and says so to whoever comes next", async () => {
  const tracing = await started(9);
  const span = tracing.begin({ name: "run", kind: "server", parent: PARENT.replace(/1$/, "0") });
  expect([span.isRecording, span.traceparent?.slice(-3)]).toEqual([false, "-00"]);
  await tracing.stop();
});

test("which traces are kept is in the variables of OpenTelemetry", async () => {
  vi.stubEnv("OTEL_TRACES_SAMPLER", "always_off");
  const tracing = await started(9);
  expect(tracing.begin({ name: "run", kind: "server", parent: PARENT }).isRecording).toBe(false);
  await tracing.stop();
});

/** Sends soon, and waits for an answer on a busy machine too. */
function stubQuick(): void {
  vi.stubEnv("OTEL_BSP_SCHEDULE_DELAY", "10");
  vi.stubEnv("OTEL_EXPORTER_OTLP_TIMEOUT", "20000");
}

test.each([
  [{ status: 429, body: "later" }, "traces cannot be exported", { code: "HTTP 429" }],
  [{ status: 404, body: "what?" }, "traces cannot be exported", { code: "HTTP 404" }],
  [
    { type: "text/html", body: "<!doctype html><title>Sign in</title>" },
    "traces cannot be exported",
    { code: "answered with a web page, as no collector does" },
  ],
  [
    { body: '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"secret words"}}' },
    "collector rejects spans",
    { rejected: 1, sent: 1 },
  ],
] as const)(
  "a collector that answers %j is told once, plainly, and once that it takes spans",
  async (odd, message, facts) => {
    stubQuick();
    const { answer, received, port, close } = await collector();
    const tracing = await started(port);
    const usual = { ...answer };
    Object.assign(answer, odd);
    const traceUntil = (isDone: () => boolean) =>
      vi.waitUntil(
        () => {
          tracing.begin({ name: "run", kind: "server" }).end();
          return isDone();
        },
        { timeout: 15_000, interval: 100 },
      );
    tracing.begin({ name: "run", kind: "server" }).end();
    await vi.waitUntil(() => lines.length > 0, { timeout: 15_000 });
    const before = received.length;
    await traceUntil(() => received.length > before + 2);
    expect(lines).toEqual([["warn", message, facts]]);
    Object.assign(answer, usual);
    await traceUntil(() => lines.length > 1);
    expect(lines[1]).toEqual(["warn", "traces are exported again", { lost: expect.any(Number) }]);
    expect(lines[1]?.[2]).not.toEqual({ lost: 0 });
    await tracing.stop();
    await close();
    expect(lines).toHaveLength(2);
  },
);

test("a collector that answers with nothing, or with words of its own, is a collector", async () => {
  stubQuick();
  const { answer, received, port, close } = await collector();
  const tracing = await started(port);
  for (const body of ["", "OK", '{"partialSuccess":{"errorMessage":"nearly full"}}']) {
    Object.assign(answer, { body });
    const before = received.length;
    tracing.begin({ name: "run", kind: "server" }).end();
    await vi.waitUntil(() => received.length > before, { timeout: 15_000 });
  }
  await tracing.stop();
  await close();
  expect(lines).toEqual([]);
});

test("a dead collector costs one line, and a process that stops does not wait for it", async () => {
  vi.stubEnv("OTEL_BSP_SCHEDULE_DELAY", "10");
  const { port, close } = await collector();
  await close();
  const tracing = await started(port);
  const trace = () => tracing.begin({ name: "run", kind: "server" }).end();
  trace();
  await vi.waitFor(() =>
    expect(lines).toEqual([["warn", "traces cannot be exported", { code: "ECONNREFUSED" }]]),
  );
  const again = await collector(port);
  await vi.waitFor(
    () => {
      trace();
      expect(lines).toHaveLength(2);
    },
    { timeout: 5_000, interval: 50 },
  );
  expect(lines[1]).toEqual(["warn", "traces are exported again", { lost: expect.any(Number) }]);
  await again.close();
  trace();
  await vi.waitFor(() => expect(lines).toHaveLength(3));
  const stoppedAt = performance.now();
  await tracing.stop();
  // It waits for no collector, which it would for 10 s.
  expect(performance.now() - stoppedAt).toBeLessThan(3_000);
});
