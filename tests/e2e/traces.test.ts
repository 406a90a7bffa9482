/** One trace of each run, from the edge through the queue and the worker to the provider. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type CollectedSpan, Collector } from "./collector.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const PARENT_SPAN = "b7ad6b7169203331";
const SERVER = 2;
const CLIENT = 3;
const CONSUMER = 5;

const collector = new Collector();
let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  await collector.start();
  simulator = await startSimulator(profilesAt(INSTANT));
  const gateway = simulatedGateway(simulator.url, { apiKey: "key-of-the-account" });
  const { hunyuan, zhipu } = gateway.providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      ...gateway,
      providers: {
        ...gateway.providers,
        first: { ...hunyuan, fallback: ["zhipu"] },
        late: { ...hunyuan, fallback: ["zhipu"], hedgeAfterMs: 100 },
        zhipu,
      },
    },
    edges: 1,
    workers: 1,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "100" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
  await collector.stop();
});

const newTraceId = () => randomBytes(16).toString("hex");
const traceparent = (traceId: string, flags = "01") => `00-${traceId}-${PARENT_SPAN}-${flags}`;

/** The spans of a trace once there are as many as there should be: its processes export each by itself. */
async function traceOf(traceId: string, spans: number): Promise<CollectedSpan[]> {
  await eventually("spans of a trace", () => collector.trace(traceId).length >= spans);
  expect(collector.trace(traceId)).toHaveLength(spans);
  return collector.trace(traceId);
}

async function post(path: string, headers: Record<string, string>, body: object) {
  const response = await fetch(`http://${cluster.host}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
  await response.text();
}

const complete = (content: string, headers: Record<string, string>, model = "zhipu") =>
  post("/v1/chat/completions", headers, { model, messages: [{ role: "user", content }] });

/** Which span is a part of which, by name. */
function tree(spans: readonly CollectedSpan[]) {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  return spans.map(({ name, parentSpanId = "" }) => [
    name,
    names.get(parentSpanId) ?? parentSpanId,
  ]);
}

test("v1: a run is one trace, from accepted to terminal, with its wait, its attempt and its request", async () => {
  const client = await V1Client.connect(cluster.url());
  await client.ask(directive({ words: 5 }), "zhipu");
  client.close();
  await eventually("the first trace", () => collector.spans.length >= 4);
  const [{ traceId } = { traceId: "" }] = collector.spans;
  const spans = await traceOf(traceId, 4);
  expect(tree(spans).sort()).toEqual([
    ["chat test-model", "process zhipu"],
    ["process zhipu", "run"],
    ["run", ""],
    ["wait", "run"],
  ]);
  const [run, attempt, request] = ["run", "process zhipu", "chat test-model"].map((name) =>
    spans.find((span) => span.name === name),
  );
  expect(run).toMatchObject({ service: "openclaw-edge", kind: SERVER, events: ["first text"] });
  expect(attempt).toMatchObject({
    service: "openclaw-worker",
    kind: CONSUMER,
    events: ["finished"],
  });
  expect(request).toMatchObject({
    service: "openclaw-worker",
    kind: CLIENT,
    isFailed: false,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "zhipu",
      "gen_ai.request.model": "test-model",
      "gen_ai.response.model": expect.any(String),
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": expect.any(Number),
      "gen_ai.usage.output_tokens": expect.any(Number),
    },
  });
  expect(attempt?.attributes["openclaw.run.id"]).toBe(run?.attributes["openclaw.run.id"]);
});

test("v2: every run of a connection is a part of the trace that it came with", async () => {
  const traceId = newTraceId();
  const client = await V2Client.connect(cluster.url(), { traceparent: traceparent(traceId) });
  for (const provider of ["zhipu", "hunyuan"]) {
    await client.end(await client.run(directive({ words: 5 }), provider));
  }
  client.close();
  const runs = (await traceOf(traceId, 8)).filter(({ name }) => name === "run");
  expect(runs.map(({ parentSpanId }) => parentSpanId)).toEqual([PARENT_SPAN, PARENT_SPAN]);
});

test("http: a traceparent is continued; what it does not want sampled leaves nothing", async () => {
  const [traceId, unsampled] = [newTraceId(), newTraceId()];
  await complete(directive({ words: 5 }), { traceparent: traceparent(unsampled, "00") });
  await complete(directive({ words: 5 }), { traceparent: traceparent(traceId) });
  const spans = await traceOf(traceId, 4);
  expect(tree(spans)).toContainEqual(["run", PARENT_SPAN]);
  expect(collector.trace(unsampled)).toEqual([]);
});

test("a background run continues the trace of who started it", async () => {
  const traceId = newTraceId();
  await post(
    "/v1/runs",
    { traceparent: traceparent(traceId) },
    { provider: "zhipu", message: directive({ words: 5 }) },
  );
  expect(tree(await traceOf(traceId, 4))).toContainEqual(["run", PARENT_SPAN]);
});

test("a failover: two attempts in one trace, and which of them failed with what", async () => {
  const traceId = newTraceId();
  const prompt = directive({ words: 20, seed: 7, faultOn: ["hunyuan"], cutAfter: 10 });
  const client = await V2Client.connect(cluster.url(), { traceparent: traceparent(traceId) });
  await client.end(await client.run(prompt, "first"));
  client.close();
  const spans = await traceOf(traceId, 7);
  const attempts = spans.filter(({ kind }) => kind === CONSUMER);
  expect(attempts).toMatchObject([
    { name: "process first", isFailed: true, events: ["failed over"] },
    { name: "process zhipu", isFailed: false, events: ["finished"] },
  ]);
  expect(spans.filter(({ kind }) => kind === CLIENT)).toMatchObject([
    { parentSpanId: attempts[0]?.spanId, attributes: { "error.type": "provider_cut" } },
    { parentSpanId: attempts[1]?.spanId, isFailed: false },
  ]);
  expect(spans.find(({ name }) => name === "run")?.attributes).toMatchObject({
    "openclaw.attempts": 2,
    "openclaw.provider.asked": "first",
    "openclaw.provider": "zhipu",
  });
  expect(spans.filter(({ name }) => name === "wait")).toHaveLength(2);
});

test("a hedge is a part of the trace of the run that it was begun for", async () => {
  const traceId = newTraceId();
  const prompt = directive({ words: 5, faultOn: ["hunyuan"], hang: true });
  await complete(prompt, { traceparent: traceparent(traceId) }, "late");
  const spans = await traceOf(traceId, 6);
  expect(spans.filter(({ kind }) => kind === CONSUMER)).toMatchObject([
    { name: "process late", isFailed: false, attributes: { "openclaw.hedge": false } },
    { name: "process zhipu", isFailed: false, attributes: { "openclaw.hedge": true } },
  ]);
});

test("no span has a word of a prompt or an answer, nor a key", async () => {
  const traceId = newTraceId();
  const prompt = `What did the xylophone whisper? ${directive({ words: 40 })}`;
  await complete(prompt, { traceparent: traceparent(traceId) });
  await traceOf(traceId, 4);
  const sent = collector.bodies.join("\n");
  const answer = answerFor({ prompt, profile: "zhipu" });
  const words = answer.split(/\W+/).filter((word) => word.length > 3);
  expect(words.length).toBeGreaterThan(10);
  for (const text of [
    "xylophone",
    "whisper",
    "key-of-the-account",
    ...words.map((_, i) => words.slice(i, i + 2).join(" ")),
  ]) {
    expect(sent.includes(text), text).toBe(false);
  }
});

test("what ends while its processes drain is exported before they are gone", async () => {
  const traceId = newTraceId();
  const client = await V1Client.connect(cluster.url(), { traceparent: traceparent(traceId) });
  const speaking = new Promise<void>((resolve) => {
    client.onFrame = () => resolve();
  });
  const reply = client.ask(directive({ words: 20, gapMs: 20 }), "zhipu");
  await speaking;
  const leaving = [...cluster.running("edge"), ...cluster.running("worker")];
  const gone = leaving.map(({ process }) => once(process, "exit"));
  for (const { process } of leaving) process.kill("SIGTERM");
  expect((await reply).terminal).toEqual({ type: "done" });
  await Promise.all(gone);
  expect(collector.trace(traceId).map(({ name }) => name)).toEqual(
    expect.arrayContaining(["run", "wait", "process zhipu", "chat test-model"]),
  );
});
