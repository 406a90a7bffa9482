/** What an edge owes to any client over HTTP: keys, bounded buffers, and a last answer. */
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { chatCompletionSchema } from "@openclaw/protocol";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { ChatReader, Cluster, eventually, V1Client } from "@openclaw/testing";
import { afterAll, test as base, beforeAll, expect, inject } from "vitest";
import { WebSocket } from "ws";
import { FireHose, pieceOf } from "../slow/fire-hose.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

/** Six bytes of JSON for each, so that an answer is more than the kernel keeps of a connection. */
const MUCH = "\u0001";

let simulator: Simulator;
let hose: FireHose;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  hose = await FireHose.start();
});

afterAll(async () => {
  await hose?.stop();
  await simulator?.stop();
});

/** Each test has a cluster of its own, of one edge and one worker. */
const test = base.extend("start", ({ onTestFinished }) => async (env: Record<string, string>) => {
  const { providers } = simulatedGateway(simulator.url);
  const long = { kind: "openai", baseUrl: hose.url, model: "m" };
  const cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: { ...providers, long } },
    edges: 1,
    workers: 1,
    env,
  });
  onTestFinished(() => cluster.stop());
  return cluster;
});

test("where keys are configured, nobody is served without one, through any door", async ({
  start,
}) => {
  const apiKey = "a-key-of-some-length";
  const cluster = await start({ EDGE_API_KEYS: `another-key-of-length, ${apiKey}` });
  const prompt = directive({ words: 5 });
  for (const wrong of [{}, { apiKey: "not-the-key-at-all" }]) {
    await expect(
      ChatReader.ask(cluster.host, { model: "zhipu", prompt, ...wrong }),
    ).rejects.toThrow(/HTTP 401: .*"code":"invalid_api_key"/);
  }
  const reader = await ChatReader.ask(cluster.host, { model: "zhipu", prompt, apiKey });
  await reader.whole();
  for (const path of ["/v1/models", "/stats"]) {
    expect((await fetch(`http://${cluster.host}${path}`)).status).toBe(401);
  }

  await expect(V1Client.connect(cluster.url())).rejects.toThrow(/401: .*"invalid_api_key"/);
  const socket = new WebSocket(cluster.url(), "openclaw.v2");
  const [frame] = await once(socket, "message");
  expect(JSON.parse(String(frame))).toMatchObject({ type: "error", code: "invalid_api_key" });
  const [code] = await once(socket, "close");
  expect(code).toBe(4501);
  const client = await V1Client.connect(`${cluster.url("mine")}?api_key=${apiKey}`);
  expect((await client.ask(prompt, "zhipu")).terminal).toEqual({ type: "done" });
  client.close();
  const refusals = await cluster.scrape("edge");
  expect(refusals.sum("openclaw_refusals_total", { code: "invalid_api_key" })).toBe(6);
  // A load balancer has no key.
  expect((await fetch(`http://${cluster.host}/health`)).status).not.toBe(401);
});

test("more requests than an edge takes at once are refused, and later ones are not", async ({
  start,
}) => {
  const cluster = await start({ EDGE_MAX_CONNECTIONS: "1" });
  const agent = new Agent();
  const prompt = directive({ words: 20, gapMs: 50 });
  const first = await ChatReader.ask(cluster.host, { model: "zhipu", prompt, agent });
  await expect(ChatReader.ask(cluster.host, { model: "zhipu", prompt, agent })).rejects.toThrow(
    /HTTP 503: .*"code":"overloaded"/,
  );
  await first.whole();
  const next = await ChatReader.ask(cluster.host, { model: "zhipu", prompt: "next", agent });
  await next.whole();
});

test("what a reader was sent before its model fell silent comes at once when it reads on", async ({
  start,
}) => {
  const cluster = await start({});
  const answer = { id: "rests", pieces: 120, gapMs: 2, restMs: 14_000, filler: MUCH };
  const whole = Array.from({ length: answer.pieces }, (_, piece) => pieceOf(answer, piece)).join(
    "",
  );
  const reader = await ChatReader.ask(cluster.host, {
    model: "long",
    prompt: JSON.stringify(answer),
  });
  await eventually("some text", () => reader.text !== "");
  reader.pause();
  const pausedAt = performance.now();
  await eventually("all of it to be in the log", () => performance.now() - pausedAt > 2_000);
  reader.resume();
  await eventually("the text", () => reader.text.length === whole.length, { withinMs: 4_000 });
  expect(reader.text === whole).toBe(true);
  expect(reader.isOver).toBe(false);
  reader.leave();
});

test("a reader that stops is held back, and has every byte when it goes on", async ({ start }) => {
  const cluster = await start({});
  const answer = { id: "stops", pieces: 200, gapMs: 2, filler: MUCH };
  const whole = Array.from({ length: answer.pieces }, (_, piece) => pieceOf(answer, piece)).join(
    "",
  );
  const reader = await ChatReader.ask(cluster.host, {
    model: "long",
    prompt: JSON.stringify(answer),
  });
  await eventually("some text", () => reader.text !== "");
  reader.pause();
  // The worker is done with it long before: what is not read waits in the log, not in the edge.
  await eventually("the worker to finish", () => cluster.logs("worker", "attempt finished").length);
  expect(cluster.logs("edge", "run finished")).toEqual([]);
  reader.resume();
  await reader.whole();
  expect(reader.text === whole).toBe(true);
});

// These two wait for longer than all others, and so they do it together.
test.concurrent("a reader that stops for longer than a web server waits is not cut, and neither is its run", async ({
  start,
}) => {
  const cluster = await start({ EDGE_SLOW_CONSUMER_MS: "60000" });
  const answer = { id: "dozes", pieces: 200, gapMs: 2, filler: MUCH };
  const reader = await ChatReader.ask(cluster.host, {
    model: "long",
    prompt: JSON.stringify(answer),
  });
  await eventually("some text", () => reader.text !== "");
  reader.pause();
  const pausedAt = performance.now();
  await eventually("12 s to pass", () => performance.now() - pausedAt > 12_000, {
    withinMs: 15_000,
  });
  expect(cluster.logs("edge", "run finished")).toEqual([]);
  reader.resume();
  await reader.whole();
});

test.concurrent("a reader that never reads is cut in time, and its run with it", async ({
  start,
}) => {
  const cluster = await start({ EDGE_SLOW_CONSUMER_MS: "1000" });
  const answer = { id: "never", pieces: 200, gapMs: 5, filler: MUCH };
  const reader = await ChatReader.ask(cluster.host, {
    model: "long",
    prompt: JSON.stringify(answer),
  });
  await eventually("some text", () => reader.text !== "");
  reader.pause();
  const finished = await eventually(
    "the end of the run",
    () => cluster.logs("edge", "run finished").at(0),
    { withinMs: 10_000 },
  );
  expect(finished).toMatchObject({ outcome: "cancelled", reason: "disconnected" });
  const scraped = await cluster.scrape("edge");
  expect(scraped.sum("openclaw_slow_consumers_total")).toBe(1);
});

test("an edge that leaves lets answers finish, and closes the connections behind them", async ({
  start,
}) => {
  const cluster = await start({});
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const prompt = directive({ words: 40, gapMs: 30 });
  const kept = await ChatReader.ask(cluster.host, { model: "zhipu", prompt: "before", agent });
  await kept.whole();
  const reader = await ChatReader.ask(cluster.host, { model: "zhipu", prompt });
  await eventually("some text", () => reader.text !== "");
  const [edge] = cluster.processes("edge");
  const exited = edge && once(edge.process, "exit");
  edge?.process.kill("SIGTERM");
  await eventually("the edge to leave", () => cluster.logs("edge", "draining").length > 0);
  // On a connection that it kept, since it accepts no other one.
  await expect(ChatReader.ask(cluster.host, { model: "zhipu", prompt, agent })).rejects.toThrow(
    /HTTP 503: .*"code":"draining"/,
  );
  await reader.whole();
  expect(reader.text).toBe(answerFor({ prompt, profile: "zhipu" }));
  await exited;
  agent.destroy();
});

test("an edge that leaves waits until its last answer was taken", async ({ start }) => {
  const cluster = await start({});
  const answer = { id: "whole", pieces: 200, gapMs: 1, filler: MUCH };
  const whole = Array.from({ length: answer.pieces }, (_, piece) => pieceOf(answer, piece)).join(
    "",
  );
  const asked = request(`http://${cluster.host}/v1/chat/completions`, { method: "POST" });
  const messages = [{ role: "user", content: JSON.stringify(answer) }];
  asked.end(JSON.stringify({ model: "long", messages }));
  // The event's own argument.
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.pause();
  await eventually("the end of the run", () => cluster.logs("edge", "run finished").length === 1);
  const [edge] = cluster.processes("edge");
  const exited = edge && once(edge.process, "exit");
  edge?.process.kill("SIGTERM");
  await eventually("the edge to leave", () => cluster.logs("edge", "draining").length > 0);
  const startedAt = performance.now();
  await eventually("a moment to pass", () => performance.now() - startedAt > 1_000);
  const body: Buffer[] = [];
  for await (const chunk of response) body.push(chunk as Buffer);
  const { choices } = chatCompletionSchema.parse(JSON.parse(Buffer.concat(body).toString()));
  expect(choices[0].message.content === whole).toBe(true);
  await exited;
});

test("a browser that reads events again is put off by an edge that is full, not turned away for good", async ({
  start,
}) => {
  const cluster = await start({ EDGE_MAX_RUNS: "1" });
  const prompt = directive({ words: 100, gapMs: 50 });
  const reader = await ChatReader.ask(cluster.host, { model: "zhipu", prompt });
  await eventually("some text", () => reader.text !== "");
  const url = `http://${cluster.host}/v1/runs/any-run/events`;
  expect((await fetch(url)).status).toBe(503);
  const again = await fetch(url, { headers: { "last-event-id": "15-3" } });
  expect([again.status, again.headers.get("content-type")]).toEqual([
    200,
    "text/event-stream; charset=utf-8",
  ]);
  expect(again.headers.get("x-request-id")).toBe("any-run");
  expect(await again.text()).toBe("retry: 500\n\n");
  reader.leave();
});
