/** What a client's user gets when all goes well. */
import type { ConversationMessage } from "@openclaw/protocol";
import { answerFor, directive } from "@openclaw/simulator";
import { expect } from "vitest";
import type { Bench, Check } from "../bench.ts";
import { type Call, fieldOf } from "../chat-client.ts";
import { KEEP_ALIVE_AFTER_MS } from "../world.ts";

/** A pixel; as data, since libraries fetch what else they find. */
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const WEATHER = {
  type: "function" as const,
  function: {
    name: "get_weather",
    description: "The weather of a city, now.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

type Way = "stream" | "whole";

const stream: Check = async (bench) => {
  const prompt = directive({ words: 100, seed: bench.world.nextSeed(), language: "zh", gapMs: 20 });
  const over = bench.world.overAt(prompt);
  const pieces: string[] = [];
  let firstAt = Number.NaN;
  const onText = (text: string) => {
    if (pieces.length === 0) firstAt = performance.now();
    pieces.push(text);
  };
  const answer = await bench.client().stream(bench.question(prompt), { onText });
  expect(answer).toMatchObject({ text: answerFor({ prompt }), finish: "stop" });
  expect(pieces.join("")).toBe(answer.text);
  // The provider was still speaking.
  expect(firstAt).toBeLessThan(await over);
};

const whole: Check = async (bench) => {
  const prompt = directive({ words: 100, seed: bench.world.nextSeed(), language: "zh" });
  const answer = await bench.client().whole(bench.question(prompt));
  expect(answer).toMatchObject({ text: answerFor({ prompt }), finish: "stop" });
};

const reasoning =
  (way: Way): Check =>
  async (bench) => {
    const thoughts = ["Is it", " so", "?"];
    const answer = await bench
      .client()
      [way](bench.question({ text: "So it is.", reasoning: thoughts }));
    expect(answer).toMatchObject({ text: "So it is.", reasoning: "Is it so?" });
  };

/** Two at once, whose pieces must not be mixed up. */
const toolCalls =
  (way: Way): Check =>
  async (bench) => {
    const calls = ["北京", "Paris"].map((city) => ({ name: "get_weather", arguments: { city } }));
    const question = bench.question({ calls }, { tools: [WEATHER] });
    const asked = await bench.client()[way](question);
    expect(asked).toMatchObject({ text: "", calls, finish: "tool_calls" });
    expect(new Set(asked.calls.map(({ id }) => id)).size).toBe(2);
    const messages = [...question.messages, ...exchangeOf(asked.calls)];
    expect(await bench.client()[way]({ ...question, messages })).toMatchObject({
      text: 'get_weather({"city":"北京"}) = 21 °C\nget_weather({"city":"Paris"}) = 22 °C',
      finish: "stop",
    });
  };

/** What a conversation has of these calls: that they were made, and what each gave. */
function exchangeOf(calls: readonly Call[]): readonly ConversationMessage[] {
  const made = calls.map(({ id, name, arguments: given }) => ({
    id,
    type: "function" as const,
    function: { name, arguments: JSON.stringify(given) },
  }));
  const results = calls.map(({ id }, index) => ({
    role: "tool" as const,
    tool_call_id: id,
    content: `${21 + index} °C`,
  }));
  return [{ role: "assistant", tool_calls: made }, ...results];
}

const usage =
  (way: Way): Check =>
  async (bench) => {
    const question = bench.question(
      { words: 12, reasoning: ["so", " then"] },
      { wantsUsage: true },
    );
    const { usage } = await bench.client()[way](question);
    // A token for each piece of text and of reasoning.
    expect(usage).toEqual({ input: expect.any(Number), output: 14 });
    expect(usage?.input).toBeGreaterThan(0);
  };

const conversation: Check = async (bench) => {
  const messages = [
    { role: "system" as const, content: "Be brief." },
    { role: "user" as const, content: "Hello" },
    { role: "assistant" as const, content: "How can I help?" },
    {
      role: "user" as const,
      content: [
        { type: "text" as const, text: directive({ echo: true }) },
        { type: "image_url" as const, image_url: { url: PIXEL } },
      ],
    },
  ];
  const received = await echoed(bench, { messages });
  expect(fieldOf(received, "messages")).toEqual(messages);
};

const json: Check = async (bench) => {
  const received = await echoed(bench, { wantsJson: true });
  expect(fieldOf(received, "response_format")).toEqual({ type: "json_object" });
};

/** The request as it reached the provider. */
async function echoed(bench: Bench, more: Parameters<Bench["question"]>[1]): Promise<unknown> {
  const { text } = await bench.client().whole(bench.question({ echo: true }, more));
  return JSON.parse(text);
}

const models: Check = async (bench) => {
  const names = await bench.client().models?.();
  expect(names).toEqual(expect.arrayContaining(["well", "auto"]));
};

const comments: Check = async (bench) => {
  const seed = bench.world.nextSeed();
  const prompt = directive({ words: 20, seed, lateMs: KEEP_ALIVE_AFTER_MS + 2_500 });
  let firstAt = Number.NaN;
  const onText = () => {
    if (Number.isNaN(firstAt)) firstAt = performance.now();
  };
  const answer = await bench.client().stream(bench.question(prompt), { onText });
  expect(answer.text).toBe(answerFor({ prompt }));
  // Its headers came with a comment, long before the first chunk.
  expect(firstAt - (bench.wire.exchanges[0]?.answeredAt ?? Number.NaN)).toBeGreaterThan(500);
};

export const ANSWERS = {
  stream,
  "whole answer": whole,
  "reasoning, streamed": reasoning("stream"),
  "reasoning, whole": reasoning("whole"),
  "tool calls and their results, streamed": toolCalls("stream"),
  "tool calls and their results, whole": toolCalls("whole"),
  "usage, streamed": usage("stream"),
  "usage, whole": usage("whole"),
  "conversation with content parts": conversation,
  "response_format json": json,
  "list of models": models,
  "comments while nothing is said": comments,
} satisfies Record<string, Check>;
