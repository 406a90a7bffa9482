import { describe, expect, test } from "vitest";
import { answerFor } from "../answer-for.ts";
import { directive } from "../directive.ts";
import { ask, askStream, eventsIn, post, startSimulator } from "../testing/wire.ts";
import { PROFILES } from "./profiles.ts";

const NAMES = Object.keys(PROFILES);
const PIECES = ["Hel", "lo", " 你好"];
const prompt = directive({ pieces: PIECES });

describe.each(NAMES)("%s", (profile) => {
  test("streams exactly the text that the prompt is known to give", async () => {
    const simulator = await startSimulator();
    for (const prompt of ["Tell me about rivers", "讲讲河流"]) {
      const { text, data } = await askStream({ simulator, profile, prompt });
      expect(text).toBe(answerFor({ prompt, profile }));
      expect(data.at(-1)).toBe("[DONE]");
    }
  });

  test("answers the same without streaming, and uses as many tokens", async () => {
    const simulator = await startSimulator();
    const prompt = directive({ words: 12, reasoning: ["so", " then"], finish: "length" });
    const extra = { stream: false };
    const body = await (await ask({ simulator, profile, prompt, extra })).json();
    expect(body).toMatchObject({
      model: "m",
      choices: [
        {
          message: { content: answerFor({ prompt, profile }), reasoning_content: "so then" },
          finish_reason: "length",
        },
      ],
      usage: { completion_tokens: 14 },
    });
  });

  test("sends reasoning first, as reasoning_content", async () => {
    const simulator = await startSimulator();
    const prompt = directive({ reasoning: ["let", " me"], pieces: ["ok"] });
    const { chunks, text } = await askStream({ simulator, profile, prompt });
    const thoughts = chunks.map(({ choices }) => choices[0]?.delta.reasoning_content);
    expect(thoughts.filter((thought) => thought)).toEqual(["let", " me"]);
    expect(text).toBe("ok");
  });

  test("sends the asked finish reason, and no usage or [DONE] where told so", async () => {
    const simulator = await startSimulator();
    const prompt = directive({ text: "a", finish: "sensitive", usage: false, done: false });
    const extra = { stream_options: { include_usage: true } };
    const { chunks, data } = await askStream({ simulator, profile, prompt, extra });
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("sensitive");
    expect(chunks.filter(({ usage }) => usage)).toEqual([]);
    expect(data).not.toContain("[DONE]");
  });

  test("lists its models", async () => {
    const simulator = await startSimulator();
    const response = await fetch(`${simulator.url}/${profile}/v1/models`);
    const models = PROFILES[profile as keyof typeof PROFILES].models;
    expect(await response.json()).toMatchObject({
      object: "list",
      data: models.map((id) => ({ id })),
    });
  });
});

test("nvidia: role first with null content, growing usage, null finish reasons until the last", async () => {
  const simulator = await startSimulator();
  const { chunks, headers } = await askStream({ simulator, profile: "nvidia1", prompt });
  expect(headers.get("content-type")).toBe("text/event-stream");
  expect(headers.get("nvcf-reqid")).toMatch(/^[0-9a-f-]{36}$/);
  expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
    { role: "assistant", content: null },
    ...PIECES.map((content) => ({ role: null, content })),
    { role: null, content: "" },
  ]);
  expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
    null,
    null,
    null,
    null,
    "stop",
  ]);
  expect(chunks.map(({ usage }) => usage?.completion_tokens)).toEqual([0, 1, 2, 3, 3]);
});

test("zhipu: the role on every chunk, finish reason and usage together on the last, raw UTF-8", async () => {
  const simulator = await startSimulator();
  const response = await ask({ simulator, profile: "zhipu", prompt });
  expect(response.headers.get("content-type")).toBe("text/event-stream;charset=UTF-8");
  const body = await response.text();
  expect(body).toContain("你好");
  const chunks = eventsIn(body)
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  for (const chunk of chunks) {
    expect(chunk.id).toMatch(/^20\d{12}[0-9a-f]+$/);
    expect(chunk).not.toHaveProperty("object");
  }
  expect(chunks.map(({ choices }) => choices[0])).toEqual([
    ...PIECES.map((content) => ({ index: 0, delta: { role: "assistant", content } })),
    { index: 0, finish_reason: "stop", delta: { role: "assistant", content: "" } },
  ]);
  expect(chunks.map((chunk) => "usage" in chunk)).toEqual([false, false, false, true]);
});

test("hunyuan: a note on every chunk, and a last one with usage and no choices", async () => {
  const simulator = await startSimulator();
  const { chunks } = await askStream({ simulator, profile: "hunyuan", prompt });
  expect(chunks.every(({ note, object }) => note && object === "chat.completion.chunk")).toBe(true);
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
});

test("openai: role, deltas, an empty delta with the finish reason, usage only if asked", async () => {
  const simulator = await startSimulator();
  const plain = await askStream({ simulator, prompt });
  expect(plain.chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
    { role: "assistant", content: "", refusal: null },
    ...PIECES.map((content) => ({ content })),
    {},
  ]);
  expect(plain.chunks.some((chunk) => "usage" in chunk)).toBe(false);
  const extra = { stream_options: { include_usage: true } };
  const asked = await askStream({ simulator, prompt, extra });
  expect(asked.chunks.map(({ usage }) => usage === null)).toEqual([
    true,
    true,
    true,
    true,
    true,
    false,
  ]);
  expect(asked.chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
});

test("a path without a profile is openai's", async () => {
  const simulator = await startSimulator();
  const messages = [{ role: "user", content: "hi" }];
  const response = await post(`${simulator.url}/v1/chat/completions`, { model: "m", messages });
  expect(await response.json()).toMatchObject({
    choices: [{ message: { content: answerFor({ prompt: "hi", profile: "openai" }) } }],
  });
});

test("max_tokens cuts a generated answer, and the finish reason says so", async () => {
  const simulator = await startSimulator();
  const { chunks } = await askStream({ simulator, prompt: "hi", extra: { max_tokens: 3 } });
  expect(chunks).toHaveLength(5);
  expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("length");
});
