import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { answerFor } from "./answer-for.ts";
import { directive } from "./directive.ts";
import { INSTANT, profilesAt } from "./profiles/profiles.ts";
import {
  ask,
  askStream,
  type Chunk,
  eventsIn,
  readRaw,
  startSimulator,
  textOf,
  until,
} from "./testing/wire.ts";

const TEXT = "naïve 你好，世界 🎉 end";
const url = ({ url }: { url: string }) => `${url}/zhipu/v1/chat/completions`;
const chunksIn = (body: string) =>
  eventsIn(body)
    .filter((line) => line !== "[DONE]")
    .map((line) => JSON.parse(line) as Chunk);

test("chunkBytes 1 sends each byte by itself, and together they are the text", async () => {
  const simulator = await startSimulator();
  const { portions } = await readRaw(url(simulator), directive({ text: TEXT, chunkBytes: 1 }));
  expect(portions.every(({ length }) => length === 1)).toBe(true);
  expect(textOf(chunksIn(Buffer.concat(portions).toString()))).toBe(TEXT);
});

test("chunkBytes cuts the stream without regard to frames", async () => {
  const simulator = await startSimulator();
  const { portions } = await readRaw(url(simulator), directive({ text: TEXT, chunkBytes: 300 }));
  expect(new Set(portions.slice(0, -1).map(({ length }) => length))).toEqual(new Set([300]));
  expect(textOf(chunksIn(Buffer.concat(portions).toString()))).toBe(TEXT);
});

test.each([
  ["lf", "\n"],
  ["crlf", "\r\n"],
  ["cr", "\r"],
] as const)("lines end with %s", async (newline, end) => {
  const simulator = await startSimulator();
  const body = await (await ask({ simulator, prompt: directive({ text: TEXT, newline }) })).text();
  expect(body.endsWith(`data: [DONE]${end}${end}`)).toBe(true);
  expect(body.replaceAll(end, "")).not.toMatch(/[\r\n]/);
  expect(textOf(chunksIn(body))).toBe(TEXT);
});

test("cutAfter breaks the response off after exactly that many pieces", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: ["a", "b", "c"], cutAfter: 2 });
  const { portions, complete } = await readRaw(url(simulator), prompt);
  expect(complete).toBe(false);
  expect(textOf(chunksIn(Buffer.concat(portions).toString()))).toBe("ab");
  await until(() => simulator.stats().total.broken === 1);
});

test("cutAfter without streaming closes the socket with no answer at all", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ text: "a", cutAfter: 0 });
  await expect(ask({ simulator, prompt, extra: { stream: false } })).rejects.toThrow(
    "fetch failed",
  );
});

test("endAfter ends the response properly, with neither finish reason nor [DONE]", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: ["a", "b", "c"], endAfter: 1 });
  const { portions, complete } = await readRaw(url(simulator), prompt);
  const body = Buffer.concat(portions).toString();
  expect(complete).toBe(true);
  expect(textOf(chunksIn(body))).toBe("a");
  expect(body).not.toMatch(/finish_reason|\[DONE\]/);
});

test("stallAfter goes silent and keeps the socket until the client leaves", async () => {
  const simulator = await startSimulator();
  const leave = new AbortController();
  const prompt = directive({ pieces: ["a", "b", "c"], stallAfter: 2 });
  const response = await ask({ simulator, profile: "zhipu", prompt, signal: leave.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let body = "";
  while (textOf(chunksIn(body)) !== "ab") body += (await reader?.read())?.value ?? "";
  expect(simulator.stats().total).toMatchObject({ active: 1, aborted: 0 });
  leave.abort();
  await until(() => simulator.stats().total.active === 0);
  expect(simulator.stats().profiles.zhipu).toMatchObject({ aborted: 1, completed: 0 });
});

test("a client that leaves in the middle stops the work and counts as aborted", async () => {
  const simulator = await startSimulator();
  const leave = new AbortController();
  const prompt = directive({ words: 1_000, gapMs: 20 });
  const response = await ask({ simulator, prompt, signal: leave.signal });
  await response.body?.getReader().read();
  leave.abort();
  await until(() => simulator.stats().total.active === 0);
  expect(simulator.stats().profiles.openai).toMatchObject({
    requests: 1,
    aborted: 1,
    maxActive: 1,
  });
});

test("a client that leaves before the first byte counts as aborted too", async () => {
  const simulator = await startSimulator();
  const leave = new AbortController();
  const prompt = directive({ firstTokenMs: 60_000 });
  const extra = { stream: false };
  const answer = ask({ simulator, prompt, extra, signal: leave.signal });
  await until(() => simulator.stats().total.active === 1);
  leave.abort();
  await expect(answer).rejects.toThrow();
  await until(() => simulator.stats().total.aborted === 1);
});

test("an answer of very many pieces due at once is whole", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ words: 20_000, language: "zh" });
  const { text } = await askStream({ simulator, profile: "zhipu", prompt });
  expect(text).toBe(answerFor({ prompt, profile: "zhipu" }));
});

test("pieces keep their schedule: late timers do not add up", async () => {
  const simulator = await startSimulator();
  const startedAt = performance.now();
  const prompt = directive({ words: 10_001, firstTokenMs: 50, gapMs: 0.1 });
  await askStream({ simulator, prompt });
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThanOrEqual(1_050);
  // A timer per piece would take at least a millisecond for each.
  expect(tookMs).toBeLessThan(8_000);
});

test("the connection cost is paid by the first request of a socket, and never again", async () => {
  const connectMs = 150;
  const simulator = await startSimulator(profilesAt({ ...INSTANT, connectMs }));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const timed = async () => {
    const startedAt = performance.now();
    const request = httpRequest(`${simulator.url}/zhipu/v1/models`, { agent }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await once(response.resume(), "end");
    return performance.now() - startedAt;
  };
  expect(await timed()).toBeGreaterThanOrEqual(connectMs - 1);
  expect(await timed()).toBeLessThan(connectMs);
  expect(simulator.stats()).toMatchObject({
    sockets: { opened: 1 },
    profiles: { zhipu: { sockets: 1 } },
  });
  agent.destroy();
});

test("a socket opened ahead of its first request has paid the connection cost by then", async () => {
  const connectMs = 150;
  const simulator = await startSimulator(profilesAt({ ...INSTANT, connectMs }));
  const socket = connect(simulator.port, "127.0.0.1");
  await until(() => simulator.stats().sockets.open === 1);
  const acceptedAt = performance.now();
  await until(() => performance.now() > acceptedAt + connectMs);
  const askedAt = performance.now();
  socket.write("GET /zhipu/v1/models HTTP/1.1\r\nhost: sim\r\n\r\n");
  await once(socket, "data");
  expect(performance.now() - askedAt).toBeLessThan(connectMs);
  socket.destroy();
});
