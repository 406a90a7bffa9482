/** Runs over HTTP through a whole cluster, edges and workers dying included. */
import {
  acceptedRunSchema,
  apiErrorSchema,
  type CancelledRun,
  type RunReport,
} from "@openclaw/protocol";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { OpenApiConformance } from "./openapi-conformance.ts";
import { RunReader } from "./run-reader.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

/** Long gone, should anything be cancelled because its reader left. */
const GRACE_MS = 200;
const SLOW = directive({ words: 40, gapMs: 30 });
/** An edge or a worker may come to be ready meanwhile. */
const LONG = directive({ words: 100, gapMs: 30 });

let simulator: Simulator;
let cluster: Cluster;
let document: OpenApiConformance;
let over = 0;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT), { onOver: () => (over += 1) });
  const gateway = simulatedGateway(simulator.url);
  const { zhipu } = gateway.providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    edges: 1,
    workers: 1,
    gateway: {
      ...gateway,
      providers: {
        ...gateway.providers,
        narrow: { ...zhipu, maxConcurrency: 1 },
        "bad-key": { ...zhipu, apiKey: "bad-key" },
      },
    },
    env: { EDGE_RESUME_GRACE_MS: String(GRACE_MS) },
  });
  document = await OpenApiConformance.of(cluster.host);
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

/** Asks and holds the answer against the OpenAPI document. */
async function ask(operation: string, init: RequestInit & { run?: string; query?: string } = {}) {
  const [method = "", path = ""] = operation.split(" ");
  const { run = "", query = "" } = init;
  const headers = { "content-type": "application/json", ...init.headers };
  // The kernel may hand a connection to an edge that is just dying.
  const response = await eventually("a response", () =>
    fetch(`http://${cluster.host}${path.replace("{run}", run)}${query}`, {
      method,
      ...init,
      headers,
    }).catch(() => undefined),
  );
  const body: unknown = response.status === 204 ? undefined : await response.json();
  document.check(operation, response, body);
  return { response, body, status: response.status };
}

async function start(message: string, more: Record<string, unknown> = {}): Promise<string> {
  const body = JSON.stringify({ message, provider: "zhipu", ...more });
  const { body: accepted, response, status } = await ask("POST /v1/runs", { body });
  expect(status).toBe(202);
  const { id } = acceptedRunSchema.parse(accepted);
  expect(response.headers.get("location")).toBe(`/v1/runs/${id}`);
  return id;
}

async function reportOf(run: string): Promise<RunReport> {
  const { body, status } = await ask("GET /v1/runs/{run}", { run });
  expect(status).toBe(200);
  // Held against the document, which is made of its schema.
  return body as RunReport;
}

async function cancel(run: string): Promise<CancelledRun> {
  const { body, status } = await ask("POST /v1/runs/{run}/cancel", { run });
  expect(status).toBe(200);
  return body as CancelledRun;
}

function ended(run: string): Promise<RunReport> {
  return eventually("the end", async () => {
    const report = await reportOf(run);
    return report.state === "queued" || report.state === "active" ? undefined : report;
  });
}

function readerOf(run: string, lastId?: string): RunReader {
  return new RunReader(`http://${cluster.host}/v1/runs/${run}/events`, lastId);
}

/** Reads to the end, coming back wherever the stream ends without one. */
async function readOn(reader: RunReader): Promise<void> {
  await eventually(
    "the end",
    async () => {
      await reader.read().catch(() => undefined);
      return reader.terminal !== undefined;
    },
    { withinMs: 15_000 },
  );
}

async function refusalOf(operation: string, init: Parameters<typeof ask>[1]) {
  const { body, status } = await ask(operation, init);
  return { status, ...apiErrorSchema.parse(body).error };
}

describe("a run", () => {
  test("goes on by itself and tells its state, its text and its timings to whoever asks", async () => {
    const prompt = directive({ words: 40, gapMs: 5, reasoning: ["Hm."] });
    const run = await start(prompt);
    const report = await ended(run);
    expect(report).toMatchObject({
      id: run,
      state: "completed",
      provider: "zhipu",
      model: "test-model",
      attempts: 1,
      text: answerFor({ prompt, profile: "zhipu" }),
      reasoning: "Hm.",
      finish: "stop",
      usage: { outputTokens: expect.any(Number) },
    });
    const { createdAt, queuedMs, startedMs, firstTextMs, totalMs } = report.timings;
    expect(Math.abs(Date.parse(createdAt) - Date.now())).toBeLessThan(10_000);
    expect(queuedMs).toBe(startedMs);
    const order = [0, startedMs, firstTextMs, totalMs].map(Number);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(totalMs).toBeGreaterThanOrEqual(200);
    const finished = cluster.logs("edge", "run finished");
    expect(finished.filter(({ runId }) => runId === run)).toHaveLength(1);
  });

  test("shows what it has said so far, at a position from which its events go on", async () => {
    const run = await start(SLOW);
    const { text, position } = await eventually("some text", async () => {
      const report = await reportOf(run);
      return report.text.length > 20 ? report : undefined;
    });
    const reader = readerOf(run, `${position.epoch}-${position.seq}`);
    await reader.read();
    expect(text + reader.text).toBe(answerFor({ prompt: SLOW, profile: "zhipu" }));
  });

  test("is answered with a whole conversation and everything that is passed on", async () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: directive({ echo: true }) }] },
    ];
    const body = JSON.stringify({ messages, options: { maxTokens: 50 }, session: "a:b" });
    const { body: accepted } = await ask("POST /v1/runs", { body });
    const { text } = await ended(acceptedRunSchema.parse(accepted).id);
    expect(JSON.parse(text)).toMatchObject({ max_tokens: 50, messages: [messages[0], {}] });
  });

  test("that began as a chat completion is found under its request id", async () => {
    const response = await fetch(`http://${cluster.host}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "zhipu",
        messages: [{ role: "user", content: directive({ text: "Yes." }) }],
      }),
    });
    document.check("POST /v1/chat/completions", response, await response.json());
    const run = response.headers.get("x-request-id") ?? "";
    expect(await reportOf(run)).toMatchObject({ state: "completed", text: "Yes." });
  });

  test("that fails says why, as its last event does", async () => {
    const run = await start("x", { provider: "bad-key" });
    const { state, error } = await ended(run);
    expect([state, error?.code]).toEqual(["failed", "provider_auth"]);
    const reader = readerOf(run);
    await reader.read();
    expect(reader.terminal).toMatchObject({ type: "error", run, code: "provider_auth" });
  });

  test("that waits says so, and for how long", async () => {
    const first = await start(directive({ words: 200, gapMs: 30 }), { provider: "narrow" });
    await eventually("the first", async () => (await reportOf(first)).state === "active");
    const run = await start("x", { provider: "narrow" });
    const waiting = await eventually("a wait", async () => {
      const report = await reportOf(run);
      return report.timings.queuedMs > 20 ? report : undefined;
    });
    expect(waiting).toMatchObject({
      state: "queued",
      provider: "narrow",
      text: "",
      position: { epoch: 0, seq: 0 },
    });
    const reader = readerOf(run);
    await reader.read({ until: () => reader.count("queued") > 0 });
    expect(await cancel(run)).toEqual({ id: run, state: "cancelled" });
    expect(await cancel(first)).toEqual({ id: first, state: "cancelled" });
  });
});

describe("events", () => {
  test("are read by several at once, each from a position of its own", async () => {
    const run = await start(SLOW);
    const first = readerOf(run);
    await first.read({ until: () => first.text.length > 20 });
    const second = readerOf(run, first.lastId);
    const third = readerOf(run);
    await Promise.all([readOn(first), readOn(second), third.read()]);
    const whole = answerFor({ prompt: SLOW, profile: "zhipu" });
    expect(first.text).toBe(whole);
    expect(third.text).toBe(whole);
    expect(whole.endsWith(second.text) && second.text.length < whole.length).toBe(true);
    expect(third.events[0]).toMatchObject({ type: "started", run, provider: "zhipu" });
    expect(third.terminal).toMatchObject({ type: "done", run, finish: "stop" });
  });

  test("of a run that is over come from the log, and behind the last there is nothing to come back for", async () => {
    const prompt = directive({ words: 20 });
    const run = await start(prompt);
    await ended(run);
    const reader = readerOf(run);
    const responses: Response[] = [];
    const onResponse = (response: Response) => responses.push(response);
    await reader.read({ onResponse });
    expect(reader.text).toBe(answerFor({ prompt, profile: "zhipu" }));
    expect(await reader.read({ onResponse })).toBe(204);
    const [events, nothing] = responses;
    if (!events || !nothing) throw new Error("unreachable");
    expect(events.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    for (const event of reader.events) document.check("GET /v1/runs/{run}/events", events, event);
    document.check("GET /v1/runs/{run}/events", nothing, undefined);
  });

  test("may be left without ending a run that was started to go on", async () => {
    const prompt = directive({ words: 60, gapMs: 20 });
    const run = await start(prompt);
    const reader = readerOf(run);
    await reader.read({ until: () => reader.count("delta") > 0 });
    const { state, text, timings } = await ended(run);
    expect([state, text]).toEqual(["completed", answerFor({ prompt, profile: "zhipu" })]);
    // A shorter run would be over before an edge could miss its reader.
    expect(timings.totalMs).toBeGreaterThan(4 * GRACE_MS);
  });

  test("keep a run of protocol v2 alive as any reader does, and no longer", async () => {
    const client = await V2Client.connect(cluster.url());
    const { id } = await client.run(directive({ words: 2_000, gapMs: 20 }), "zhipu");
    const reader = readerOf(id);
    const leftAt = { v2: Number.NaN };
    await reader.read({
      until: () => {
        if (reader.count("delta") === 1) {
          client.terminate();
          leftAt.v2 = performance.now();
        }
        return performance.now() - leftAt.v2 > 4 * GRACE_MS;
      },
    });
    expect((await reportOf(id)).state).toBe("active");
    expect((await ended(id)).state).toBe("cancelled");
  });
});

describe("a cancel", () => {
  test("reaches the provider and every reader at once, and once more changes nothing", async () => {
    const run = await start(directive({ words: 2_000, gapMs: 20 }));
    const reader = readerOf(run);
    await reader.read({ until: () => reader.count("delta") > 0 });
    const reading = readOn(reader);
    const before = over;
    expect(await cancel(run)).toEqual({ id: run, state: "cancelled" });
    await eventually("closed upstream", () => over > before, { withinMs: 500 });
    await reading;
    expect(reader.terminal).toEqual({ type: "cancelled", run });
    expect(await cancel(run)).toEqual({ id: run, state: "cancelled" });
    expect(await reportOf(run)).toMatchObject({ state: "cancelled" });
  });

  test("of a run that was completed leaves it so", async () => {
    const run = await start(directive({ text: "Yes." }));
    await ended(run);
    expect(await cancel(run)).toEqual({ id: run, state: "completed" });
  });
});

describe("a request", () => {
  test.each([
    ["is no JSON", "{", 400, "invalid_json", null],
    ["asks nothing", "{}", 400, "invalid_request", null],
    ["asks twice", '{"message": "x", "messages": []}', 400, "invalid_request", "messages"],
    ["is empty", '{"message": " "}', 400, "invalid_request", "message"],
    ["has a field nobody heeds", '{"message": "x", "n": 2}', 400, "invalid_request", "n"],
    ["asks nobody", '{"message": "x", "provider": "no"}', 404, "model_not_found", "provider"],
    [
      "has more stops than its provider takes",
      '{"message": "x", "provider": "zhipu", "options": {"stop": ["a", "b"]}}',
      400,
      "invalid_request",
      "options.stop",
    ],
    [
      "is too long",
      JSON.stringify({ message: "x".repeat(600_000) }),
      413,
      "message_too_long",
      "message",
    ],
  ])("that %s is refused", async (_what, body, status, code, param) => {
    const refusal = await refusalOf("POST /v1/runs", { body });
    expect(refusal).toMatchObject({ status, code, param });
  });

  test.each(["GET /v1/runs/{run}", "GET /v1/runs/{run}/events", "POST /v1/runs/{run}/cancel"])(
    "%s of a run that is not known is a 404",
    async (operation) => {
      for (const run of [crypto.randomUUID(), "a%0d%0ab"]) {
        const refusal = await refusalOf(operation, { run });
        expect(refusal).toMatchObject({ status: 404, code: "run_not_found" });
      }
    },
  );

  test("for events behind what is no position, or none of this run, is told so", async () => {
    const run = await start(directive({ text: "Yes." }));
    const { position } = await ended(run);
    const path = "GET /v1/runs/{run}/events";
    const header = await refusalOf(path, { run, headers: { "last-event-id": "seven" } });
    expect(header).toMatchObject({ status: 400, param: "Last-Event-ID" });
    expect(header.message).toContain("leave it out");
    const query = `?after=${position.epoch}-${position.seq + 1}`;
    const ahead = await refusalOf(path, { run, query });
    expect(ahead).toMatchObject({ status: 400, param: "after" });
    expect(ahead.message).toContain("no event with the id");
    // Nothing will follow: a browser is not to come back either.
    const { epoch, seq } = position;
    const headers = { "last-event-id": `${epoch}-${seq + 1}` };
    expect(await refusalOf(path, { run, headers })).toMatchObject({ status: 400 });
  });

  test("for events ahead of what Redis has of a run that goes on is put off until its next attempt", async () => {
    const run = await start(directive({ words: 200, gapMs: 20 }));
    const headers = { "last-event-id": `${2 ** 40}-3` };
    const back = await fetch(`http://${cluster.host}/v1/runs/${run}/events`, { headers });
    expect([back.status, await back.text()]).toEqual([200, "retry: 500\n\n"]);
    await ask("POST /v1/runs/{run}/cancel", { run });
  });

  test.each(["GET /health", "GET /stats", "GET /v1/models"])(
    "%s is answered as the document says",
    async (operation) => {
      expect((await ask(operation)).status).toBe(200);
    },
  );
});

describe("while processes leave", () => {
  test("kill -9 of the worker: `restart`, then the whole answer", async () => {
    const run = await start(SLOW);
    const reader = readerOf(run);
    await reader.read({ until: () => reader.text.length > 20 });
    cluster.running("worker")[0]?.process.kill("SIGKILL");
    await cluster.add("worker");
    await readOn(reader);
    expect(reader.count("restart")).toBe(1);
    expect(reader.text).toBe(answerFor({ prompt: SLOW, profile: "zhipu" }));
    expect(await reportOf(run)).toMatchObject({ attempts: 2, text: reader.text });
  });

  test("kill -9 of the edge: the run goes on, and is read to its end elsewhere", async () => {
    const run = await start(LONG);
    const reader = readerOf(run);
    await reader.read({ until: () => reader.text.length > 20 });
    cluster.running("edge")[0]?.process.kill("SIGKILL");
    await cluster.add("edge");
    await readOn(reader);
    expect(reader.count("restart")).toBe(0);
    expect(reader.text).toBe(answerFor({ prompt: LONG, profile: "zhipu" }));
    expect((await reportOf(run)).state).toBe("completed");
  });

  test("SIGTERM of the edge: its readers are sent elsewhere at once, without an end", async () => {
    const run = await start(LONG);
    const [edge] = cluster.running("edge");
    const reader = readerOf(run);
    const status = await reader.read({
      until: () => {
        if (reader.count("delta") === 3) edge?.process.kill("SIGTERM");
        return false;
      },
    });
    expect([status, reader.terminal]).toEqual([200, undefined]);
    await cluster.add("edge");
    await readOn(reader);
    expect(reader.text).toBe(answerFor({ prompt: LONG, profile: "zhipu" }));
  });
});
