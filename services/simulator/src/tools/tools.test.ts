/** Tools over HTTP: what is called, how it is streamed, and what comes of the results. */
import { describe, expect, test } from "vitest";
import { type Directive, directive } from "../directive.ts";
import { ask, askStream, startSimulator } from "../testing/wire.ts";

const tool = (name: string, parameters: object = {}) => ({
  type: "function",
  function: { name, parameters },
});
const weather = tool("get_weather", {
  type: "object",
  properties: {
    city: { type: "string" },
    days: { type: "integer" },
    unit: { enum: ["C", "F"] },
    hourly: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
  },
});
const tools = [weather, tool("get_time")];
const PROFILES = ["nvidia1", "zhipu", "hunyuan", "openai"] as const;

interface WireCall {
  readonly index: number;
  readonly id?: string;
  readonly function: { readonly name?: string; readonly arguments: string };
}

/** Asks for a stream, and gives each chunk's calls. */
async function stream(profile: string, fields: Directive, extra: object = { tools }) {
  const simulator = await startSimulator();
  const asked = { simulator, profile, prompt: directive(fields), extra: { ...extra } };
  const { chunks, text } = await askStream(asked);
  const choices = chunks.map(({ choices: [choice] }) => choice);
  // A test looks at what came, field by field.
  const deltas = choices.map((choice) => choice?.delta as { tool_calls?: WireCall[] } | undefined);
  const finish = choices.findLast((choice) => choice?.finish_reason)?.finish_reason;
  return { text, finish, calls: deltas.map((delta) => delta?.tool_calls ?? []) };
}

function joined(calls: readonly (readonly WireCall[])[]) {
  const whole = new Map<number, { name: string | undefined; given: string }>();
  for (const { index, function: called } of calls.flat()) {
    const { name, given = "" } = whole.get(index) ?? {};
    whole.set(index, { name: name ?? called.name, given: given + called.arguments });
  }
  return [...whole.values()];
}

const TWO = [{ arguments: { city: "北京" } }, { name: "get_time" }];

test.each(PROFILES)("%s streams calls in pieces, the first with id and name", async (profile) => {
  const { text, finish, calls } = await stream(profile, { text: "Let me see.", calls: TWO });
  expect([text, finish]).toEqual(["Let me see.", "tool_calls"]);
  expect(joined(calls)).toEqual([
    { name: "get_weather", given: '{"city":"北京"}' },
    { name: "get_time", given: "{}" },
  ]);
  const pieces = calls.flat();
  expect(pieces.length).toBeGreaterThan(4);
  const named = pieces.filter(({ id }) => id !== undefined);
  expect(named.map(({ function: called }) => called.name)).toEqual(["get_weather", "get_time"]);
  expect(new Set(named.map(({ id }) => id)).size).toBe(2);
});

test.each(PROFILES)("%s gives calls in a whole answer too", async (profile) => {
  const simulator = await startSimulator();
  const prompt = directive({ calls: TWO });
  const response = await ask({ simulator, profile, prompt, extra: { tools, stream: false } });
  const { choices } = JSON.parse(await response.text());
  const called = (name: string, given: string) => ({
    id: expect.stringMatching(/^call_/),
    type: "function",
    function: { name, arguments: given },
  });
  expect(choices[0]).toMatchObject({
    finish_reason: "tool_calls",
    message: {
      content: null,
      tool_calls: [called("get_weather", '{"city":"北京"}'), called("get_time", "{}")],
    },
  });
});

test("arguments that nobody gave are made from the schema", async () => {
  const { calls } = await stream("openai", { calls: [{}] });
  expect(JSON.parse(joined(calls)[0]?.given ?? "")).toEqual({
    city: "text",
    days: 1,
    unit: "C",
    hourly: true,
    tags: ["text"],
  });
});

describe("a tool is called", () => {
  test.each<readonly [string, Directive, object, readonly string[]]>([
    ["where a directive says so", { calls: [{ name: "get_time" }] }, {}, ["get_time"]],
    ["where the request demands it", {}, { tool_choice: "required" }, ["get_weather"]],
    [
      "that the request demands",
      { calls: [{}] },
      { tool_choice: { type: "function", function: { name: "get_time" } } },
      ["get_time"],
    ],
    ["one at a time", { calls: TWO }, { parallel_tool_calls: false }, ["get_weather"]],
    ["never where nobody asks for it", { text: "No." }, {}, []],
    ["never where the request says so", { calls: TWO }, { tool_choice: "none" }, []],
    ["never where there is none", { calls: TWO }, { tools: undefined }, []],
  ])("%s", async (_, fields, extra, names) => {
    const { calls, finish } = await stream("openai", fields, { tools, ...extra });
    expect(joined(calls).map(({ name }) => name)).toEqual(names);
    expect(finish).toBe(names.length > 0 ? "tool_calls" : "stop");
  });
});

describe("the results of calls", () => {
  const prompt = directive({ calls: TWO });
  const made = (id: string, name: string, given: string) => ({
    id,
    type: "function",
    function: { name, arguments: given },
  });
  const history = [
    { role: "user", content: prompt },
    {
      role: "assistant",
      content: null,
      tool_calls: [made("a", "get_weather", '{"city":"北京"}'), made("b", "get_time", "{}")],
    },
  ];
  const results = [
    { role: "tool", tool_call_id: "b", content: "12:00" },
    { role: "tool", tool_call_id: "a", content: "21 °C" },
  ];

  test("are what the answer is about, each with its call", async () => {
    const simulator = await startSimulator();
    const messages = [...history, ...results];
    const { text, chunks } = await askStream({ simulator, prompt, extra: { tools, messages } });
    expect(text).toBe('get_time({}) = 12:00\nget_weather({"city":"北京"}) = 21 °C');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  test("of an earlier question are not", async () => {
    const messages = [...history, ...results, { role: "user", content: directive({ text: "Hi" }) }];
    expect((await stream("openai", {}, { tools, messages })).text).toBe("Hi");
  });

  test.each([
    ["of a call that was never made", [{ role: "tool", tool_call_id: "c", content: "" }]],
    ["that are not all there", results.slice(1)],
  ])("%s are refused", async (_, some) => {
    const simulator = await startSimulator();
    const messages = [...history, ...some];
    const response = await ask({ simulator, prompt, extra: { tools, messages } });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("tool_calls"),
    ]);
  });
});

test("an answer can be cut in the middle of a call", async () => {
  const { finish, calls } = await stream("openai", { calls: TWO, endAfter: 2 });
  expect(finish).toBeUndefined();
  expect(joined(calls)).toEqual([{ name: "get_weather", given: '{"city' }]);
});
