/** The OpenAI-compatible door through a whole cluster, as bytes on the wire. */
import { once } from "node:events";
import { connect } from "node:net";
import {
  type ApiError,
  apiErrorSchema,
  type ChatChunk,
  chatChunkSchema,
  chatCompletionSchema,
  modelListSchema,
} from "@openclaw/protocol";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";
import { eventsOf } from "./sse.ts";

let simulator: Simulator;
let cluster: Cluster;
let over = 0;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT), { onOver: () => (over += 1) });
  const gateway = simulatedGateway(simulator.url);
  const { zhipu, nvidia1 } = gateway.providers;
  const impatient = { ...zhipu, timeouts: { firstTokenMs: 700, stallMs: 1_000 } };
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    edges: 1,
    workers: 1,
    gateway: {
      ...gateway,
      providers: {
        ...gateway.providers,
        alone: impatient,
        slow: { ...zhipu, timeouts: { firstTokenMs: 5_700 } },
        covered: { ...impatient, fallback: ["nvidia2"] },
        // Faults are one provider's, by its profile; a second account of it stands in.
        twin: { ...impatient, fallback: ["hunyuan"] },
        "bad-key": { ...zhipu, apiKey: "bad-key" },
        "no-model": { ...nvidia1, model: "missing-model" },
        nobody: { kind: "openai", baseUrl: "http://127.0.0.1:9/v1", model: "m" },
      },
      models: { "gpt-4o": "zhipu" },
    },
    env: { EDGE_KEEP_ALIVE_AFTER_MS: "4000" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

function post(body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(`http://${cluster.host}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer anything" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

function asking(content: string, more: Record<string, unknown> = {}) {
  return { model: "zhipu", messages: [{ role: "user", content }], ...more };
}

const MEGABYTE = 1_000_000;

/** Sends a body of that many bytes, each part once the one before is gone, and reads only then. */
async function sendBody(bytes: number): Promise<{ response: string; sent: number }> {
  const { hostname, port } = new URL(`http://${cluster.host}`);
  const socket = connect(Number(port), hostname);
  // A reset shows in what came of it.
  socket.on("error", () => undefined);
  socket.write("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
  socket.write(`content-length: ${bytes}\r\n\r\n`);
  const part = Buffer.alloc(MEGABYTE, "x");
  let sent = 0;
  for (; sent < bytes && socket.writable; sent += part.length) {
    await new Promise((resolve) => socket.write(part, resolve));
  }
  const received: Buffer[] = [];
  socket.on("data", (chunk) => received.push(chunk));
  if (!socket.destroyed) await once(socket, "close");
  return { response: Buffer.concat(received).toString(), sent };
}

interface Streamed {
  readonly chunks: ChatChunk[];
  readonly text: string;
  readonly error: ApiError["error"] | undefined;
  readonly isDone: boolean;
  readonly comments: number;
}

async function read(response: Response): Promise<Streamed> {
  const chunks: ChatChunk[] = [];
  let error: ApiError["error"] | undefined;
  let isDone = false;
  let comments = 0;
  for await (const { data } of eventsOf(response, () => (comments += 1))) {
    expect(isDone || error !== undefined, "something behind the end").toBe(false);
    if (data === "[DONE]") isDone = true;
    else if (data.startsWith('{"error"')) error = apiErrorSchema.parse(JSON.parse(data)).error;
    else chunks.push(chatChunkSchema.parse(JSON.parse(data)));
  }
  const text = chunks.map(({ choices: [choice] }) => choice?.delta.content ?? "").join("");
  return { chunks, text, error, isDone, comments };
}

async function refusalOf(response: Response) {
  const { error } = apiErrorSchema.parse(await response.json());
  const header = (name: string) => response.headers.get(name);
  return {
    ...error,
    status: response.status,
    mayRetry: header("x-should-retry"),
    retryAfter: header("retry-after"),
    requestId: header("x-request-id"),
  };
}

describe("a streamed answer", () => {
  test("is chunks with one id: the role, the text, the finish reason, then the end marker", async () => {
    const prompt = directive({ words: 40 });
    const response = await post(asking(prompt, { stream: true }));
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    const { chunks, text, isDone } = await read(response);
    expect(text).toBe(answerFor({ prompt, profile: "zhipu" }));
    expect(isDone).toBe(true);
    expect(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
    expect(chunks[0]).toMatchObject({
      model: "zhipu/test-model",
      choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
    });
    expect(chunks.at(-1)?.choices).toEqual([{ index: 0, delta: {}, finish_reason: "stop" }]);
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason).length).toBe(1);
    expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true);
  });

  test("has usage in a chunk without choices where that was asked for, null in all others", async () => {
    const options = { stream: true, stream_options: { include_usage: true } };
    const { chunks } = await read(await post(asking(directive({ words: 9 }), options)));
    const usage = chunks.pop();
    expect(usage?.choices).toEqual([]);
    expect(usage?.usage?.total_tokens).toBeGreaterThan(9);
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.every((chunk) => chunk.usage === null)).toBe(true);
  });

  test("has the model's thinking under both of its names, before the text", async () => {
    const prompt = directive({ text: "So it is.", reasoning: ["Is it", " so?"] });
    const { chunks, text } = await read(await post(asking(prompt, { stream: true })));
    expect(text).toBe("So it is.");
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    for (const name of ["reasoning_content", "reasoning"] as const) {
      expect(deltas.map((delta) => delta[name] ?? "").join("")).toBe("Is it so?");
    }
    const last = deltas.findLastIndex((delta) => delta.reasoning_content);
    expect(last).toBeLessThan(deltas.findIndex((delta) => delta.content));
  });
});

describe("a whole answer", () => {
  test("is one object with the message, the finish reason and the usage", async () => {
    const prompt = directive({ words: 12, reasoning: ["Hm."] });
    const response = await post(asking(prompt, { stream: false }));
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    const completion = chatCompletionSchema.parse(await response.json());
    expect(completion.id).toBe(`chatcmpl-${response.headers.get("x-request-id")}`);
    expect(completion).toMatchObject({
      object: "chat.completion",
      model: "zhipu/test-model",
      choices: [
        {
          message: {
            role: "assistant",
            content: answerFor({ prompt, profile: "zhipu" }),
            reasoning_content: "Hm.",
            reasoning: "Hm.",
          },
          finish_reason: "stop",
        },
      ],
      usage: { total_tokens: expect.any(Number) },
    });
  });

  test("is that of the attempt which finished, though another one broke off before", async () => {
    const prompt = directive({ words: 30, cutAfter: 20, faultOn: ["zhipu"] });
    const { model, choices } = chatCompletionSchema.parse(
      await (await post(asking(prompt, { model: "covered" }))).json(),
    );
    expect(model).toBe("nvidia2/test-model");
    expect(choices[0].message.content).toBe(answerFor({ prompt, profile: "nvidia2" }));
  });
});

describe("tools", () => {
  const tools = ["get_weather", "get_time"].map((name) => ({
    type: "function",
    function: { name, parameters: { type: "object", properties: { city: { type: "string" } } } },
  }));
  const prompt = directive({
    text: "I look.",
    gapMs: 10,
    calls: [
      { name: "get_weather", arguments: { city: "北京" } },
      { name: "get_time", arguments: { city: "Oslo" } },
    ],
  });
  const called = [
    ["get_weather", { city: "北京" }],
    ["get_time", { city: "Oslo" }],
  ];

  test("are called in pieces: the first of each call has its id and name, all together its arguments", async () => {
    const { chunks, text } = await read(await post(asking(prompt, { stream: true, tools })));
    expect(text).toBe("I look.");
    const pieces = chunks.flatMap(({ choices: [choice] }) => choice?.delta.tool_calls ?? []);
    expect(pieces.length).toBeGreaterThan(2);
    const calls = [0, 1].map((index) => pieces.filter((piece) => piece.index === index));
    for (const [first, ...rest] of calls) {
      expect(first).toMatchObject({ id: expect.any(String), type: "function" });
      expect(rest.every(({ id, function: { name } }) => !id && !name)).toBe(true);
    }
    expect(
      calls.map((parts) => [
        parts[0]?.function.name,
        JSON.parse(parts.map((part) => part.function.arguments).join("")),
      ]),
    ).toEqual(called);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("are called in a whole answer, and what they give goes back to the model", async () => {
    const question = asking(prompt, { tools });
    const [{ message, finish_reason }] = chatCompletionSchema.parse(
      await (await post(question)).json(),
    ).choices;
    expect(finish_reason).toBe("tool_calls");
    const calls = message.tool_calls ?? [];
    expect(
      calls.map(({ function: { name, arguments: given } }) => [name, JSON.parse(given)]),
    ).toEqual(called);
    const results = calls.map(({ id }, index) => ({
      role: "tool",
      tool_call_id: id,
      content: `result ${index}`,
    }));
    const messages = [...question.messages, message, ...results];
    const answer = await (await post({ ...question, messages })).json();
    expect(chatCompletionSchema.parse(answer).choices[0].message.content).toMatch(
      /get_weather\(.*\) = result 0\n.*get_time\(.*\) = result 1/,
    );
  });

  test("that a provider cannot heed are refused with the reason, or are another one's", async () => {
    const demanding = asking(prompt, { tools, tool_choice: "required" });
    expect(await refusalOf(await post(demanding))).toMatchObject({
      status: 400,
      param: "tool_choice",
      message: expect.stringMatching(/^`tool_choice` .*zhipu/),
    });
    const answer = await (await post({ ...demanding, model: "auto" })).json();
    expect(chatCompletionSchema.parse(answer).model).not.toMatch(/^zhipu/);
  });
});

describe("a request", () => {
  test.each([
    ["zhipu", "zhipu/test-model"],
    ["zhipu/test-model", "zhipu/test-model"],
    ["gpt-4o", "zhipu/test-model"],
    ["auto", expect.stringMatching(/\/test-model$/)],
  ])("for %s is answered by %s", async (model, answeredBy) => {
    const response = await post(asking(directive({ text: "Yes." }), { model }));
    expect(await response.json()).toMatchObject({ model: answeredBy });
  });

  test("reaches the provider with its messages, its limits and what is passed on", async () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: directive({ echo: true }) }] },
    ];
    const options = { temperature: 0.5, max_completion_tokens: 50, stop: "END", top_p: null };
    const response = await post({ model: "zhipu", messages, ...options });
    const [{ message }] = chatCompletionSchema.parse(await response.json()).choices;
    expect(JSON.parse(message.content ?? "")).toMatchObject({
      messages: [messages[0], { role: "user" }],
      temperature: 0.5,
      max_tokens: 50,
      stop: ["END"],
    });
  });

  test.each([
    ["is no JSON", "{", null, /not JSON/],
    ["has no messages", { model: "zhipu" }, "messages", /`messages` is missing/],
    ["has no model", { messages: [{ role: "user", content: "x" }] }, "model", /`model` is missing/],
    [
      "has an unknown role",
      { model: "zhipu", messages: [{ role: "tutor", content: "x" }] },
      "messages.0.role",
      /not known/,
    ],
    [
      "has content of no kind",
      { model: "zhipu", messages: [{ role: "user", content: 5 }] },
      "messages.0.content",
      /string or array/,
    ],
    [
      "has a field its provider lacks",
      asking("x", { top_k: 5 }),
      "top_k",
      /`top_k` was given; zhipu/,
    ],
    ["wants two answers", asking("x", { n: 2 }), "n", /`n` must be/],
    ["is too warm", asking("x", { temperature: 3 }), "temperature", /at most 2/],
    ["asks for the log of probabilities", asking("x", { logprobs: true }), "logprobs", /must be/],
    [
      "has more stops than its provider takes",
      asking("x", { stop: ["a", "b"] }),
      "stop",
      /^`stop` has 2 sequences; zhipu takes 1\.$/,
    ],
  ])("that %s is refused with the field that is wrong", async (_what, body, param, message) => {
    const refusal = await refusalOf(await post(body));
    expect(refusal).toMatchObject({ status: 400, type: "invalid_request_error", param });
    expect(refusal.message).toMatch(message);
    expect(refusal.mayRetry).toBe("false");
  });

  test("for a model that nobody has is refused with those that there are", async () => {
    const refusal = await refusalOf(await post(asking("x", { model: "gpt-9" })));
    expect(refusal).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    expect(refusal.message).toContain("zhipu");
  });

  test("that is too long is refused, also to a client that sends all of it before it reads", async () => {
    const long = await refusalOf(await post(asking("x".repeat(600_000))));
    expect(long).toMatchObject({ status: 413, code: "message_too_long" });
    const { response, sent } = await sendBody(14 * MEGABYTE);
    expect(sent).toBe(14 * MEGABYTE);
    expect(response).toMatch(/^HTTP\/1.1 413 .*"code":"message_too_long"/s);
  });

  test("that is longer than anybody means it to be is cut off", async () => {
    const { sent } = await sendBody(200 * MEGABYTE);
    expect(sent).toBeLessThan(100 * MEGABYTE);
  });

  test("for another address of the API is told what there is", async () => {
    const response = await fetch(`http://${cluster.host}/v1/responses`, { method: "POST" });
    expect(await refusalOf(response)).toMatchObject({ status: 404, code: "unknown_url" });
  });
});

describe("a failure before anything was sent is an HTTP error", () => {
  test.each([
    ["bad-key", {}, 502, "provider_auth", "false", null],
    ["no-model", {}, 404, "model_not_found", "false", null],
    ["nobody", {}, 502, "provider_unreachable", "true", null],
    ["alone", { status: 429, errorCode: "1113" }, 429, "insufficient_quota", "false", null],
    ["alone", { hang: true }, 504, "first_token_timeout", "true", null],
  ] as const)("%s %o", async (model, fault, status, code, mayRetry, retryAfter) => {
    for (const stream of [true, false]) {
      const response = await post(asking(directive({ text: "x", ...fault }), { model, stream }));
      expect(await refusalOf(response)).toMatchObject({ status, code, mayRetry, retryAfter });
    }
  });

  test("and not even that where another provider answers", async () => {
    const prompt = directive({ words: 20, status: 500, faultOn: ["zhipu"] });
    const { chunks, text } = await read(
      await post(asking(prompt, { model: "twin", stream: true })),
    );
    expect(chunks[0]?.model).toBe("hunyuan/test-model");
    expect(text).toBe(answerFor({ prompt, profile: "hunyuan" }));
  });
});

describe("an answer that breaks off", () => {
  const broken = { seed: 3, words: 60, gapMs: 5, cutAfter: 30, faultOn: ["zhipu" as const] };

  test("goes on where it was, if another attempt says the same", async () => {
    const prompt = directive(broken);
    const answer = await read(await post(asking(prompt, { model: "covered", stream: true })));
    expect(answer).toMatchObject({ isDone: true, error: undefined });
    expect(answer.text).toBe(answerFor({ prompt, profile: "nvidia2" }));
    expect(new Set(answer.chunks.map(({ model }) => model))).toEqual(
      new Set(["covered/test-model"]),
    );
  });

  test("ends with one error event and no end marker, if the other one differs", async () => {
    const { seed: _, ...unlike } = broken;
    const prompt = directive(unlike);
    const answer = await read(await post(asking(prompt, { model: "covered", stream: true })));
    expect(answer).toMatchObject({ isDone: false, error: { code: "interrupted", param: null } });
    expect(answerFor({ prompt, profile: "zhipu" }).startsWith(answer.text)).toBe(true);
    expect(answer.text).not.toBe("");
  });
});

describe("a slow answer", () => {
  test("is kept alive by comments, and then fails within its stream", async () => {
    const prompt = directive({ text: "late", hang: true });
    const response = await post(asking(prompt, { model: "slow", stream: true }));
    expect(response.status).toBe(200);
    expect(await read(response)).toMatchObject({
      chunks: [],
      isDone: false,
      comments: 1,
      error: { code: "first_token_timeout" },
    });
  });

  test("is cancelled at its provider when the client goes away", async () => {
    const leaving = new AbortController();
    const before = over;
    const prompt = directive({ words: 2_000, gapMs: 20 });
    const response = await post(asking(prompt, { stream: true }), leaving.signal);
    for await (const _event of eventsOf(response)) break;
    leaving.abort();
    await eventually("closed upstream", () => over > before, { withinMs: 500 });
    const last = () => cluster.logs("edge", "run finished").at(-1)?.outcome;
    await eventually("reported as cancelled", () => last() === "cancelled");
  });
});

test("models are listed, and looked up by any name that is answered", async () => {
  const list = await fetch(`http://${cluster.host}/v1/models`);
  const { data } = modelListSchema.parse(await list.json());
  expect(data.map(({ id }) => id)).toEqual(
    expect.arrayContaining(["zhipu", "nvidia1", "auto", "gpt-4o"]),
  );
  const one = await fetch(`http://${cluster.host}/v1/models/zhipu/test-model`);
  expect(await one.json()).toMatchObject({ id: "zhipu/test-model", object: "model" });
  const none = await fetch(`http://${cluster.host}/v1/models/nothing`);
  expect(await refusalOf(none)).toMatchObject({ status: 404, code: "model_not_found" });
});
