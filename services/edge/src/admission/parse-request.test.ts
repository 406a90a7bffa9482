import { describe, expect, test } from "vitest";
import { parseChatRequest } from "./parse-request.ts";

const LIMITS = { maxMessageBytes: 1_000 };
const parse = (body: unknown) => parseChatRequest(Buffer.from(JSON.stringify(body)), LIMITS);

test("an answer that a library sends back with nulls is accepted", () => {
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  const parsed = parse({
    model: "m",
    messages: [
      { role: "user", content: "x", name: null },
      { role: "assistant", content: null, refusal: null, audio: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "c", content: "1" },
      { role: "assistant", content: "y", tool_calls: null, reasoning_content: null },
    ],
  });
  expect(parsed).toMatchObject({
    ok: true,
    request: {
      messages: [
        { role: "user", content: "x" },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "c", content: "1" },
        { role: "assistant", content: "y" },
      ],
    },
  });
  expect(JSON.stringify(parsed)).not.toContain('"name":null');
});

test("null means not set at any level, and stays where it is a value", () => {
  const schema = { type: "object", properties: { a: { const: null } }, default: null };
  const parsed = parse({
    model: "m",
    messages: [
      {
        role: "user",
        content: [{ type: "image_url", image_url: { url: "https://a.test/b.png", detail: null } }],
      },
      { role: "assistant", content: "y", tool_calls: [] },
    ],
    tools: [
      { type: "function", function: { name: "f", description: null, parameters: schema } },
      { type: "function", function: { name: "g", parameters: null, strict: null } },
    ],
    tool_choice: { type: "function", function: { name: "f", arguments: null } },
    response_format: { type: "json_schema", json_schema: { name: "s", description: null, schema } },
  });
  expect(parsed).toEqual({
    ok: true,
    request: {
      model: "m",
      messages: [
        {
          role: "user",
          content: [{ type: "image_url", image_url: { url: "https://a.test/b.png" } }],
        },
        { role: "assistant", content: "y" },
      ],
      tools: [
        { type: "function", function: { name: "f", parameters: schema } },
        { type: "function", function: { name: "g" } },
      ],
      tool_choice: { type: "function", function: { name: "f" } },
      response_format: { type: "json_schema", json_schema: { name: "s", schema } },
    },
  });
});

test.each([
  [{ reasoning: "Hm." }, "Hm."],
  [{ reasoning_content: "Hm." }, "Hm."],
  [{ reasoning: "Hm.", reasoning_content: "Hm." }, "Hm."],
  [{ reasoning: null, reasoning_content: "Hm." }, "Hm."],
  [{ reasoning: "Hm.", reasoning_content: null }, "Hm."],
])("what a model thought has one name from here on: %j", (said, thought) => {
  const messages = [{ role: "assistant", content: "x", ...said }];
  const request = { messages: [{ role: "assistant", content: "x", reasoning_content: thought }] };
  expect(parse({ model: "m", messages })).toEqual({
    ok: true,
    request: { model: "m", ...request },
  });
});

test("null is the same as absent, also for an unknown field", () => {
  const unused = {
    audio: null,
    functions: null,
    function_call: null,
    verbosity: null,
    top_p: null,
  };
  const messages = [{ role: "user", content: "x" }];
  const parsed = parse({ model: "m", messages, ...unused, temperature: 1 });
  expect(parsed).toEqual({ ok: true, request: { model: "m", messages, temperature: 1 } });
});

test.each(["model", "messages"])("null for `%s` is refused by that name", (param) => {
  const request = { model: "m", messages: [{ role: "user", content: "x" }] };
  expect(parse({ ...request, [param]: null })).toMatchObject({
    ok: false,
    failure: { code: "invalid_request", message: expect.stringMatching(`\`${param}\` .* null`) },
    param,
  });
});

test.each([
  ["no JSON", Buffer.from("{"), "invalid_json"],
  ["messages that are none", Buffer.from('{"model":"m","messages":[null]}'), "invalid_request"],
  ["nothing", Buffer.from("null"), "invalid_request"],
  ["a list", Buffer.from("[]"), "invalid_request"],
])("%s is refused", (_what, body, code) => {
  expect(parseChatRequest(body, LIMITS)).toMatchObject({ ok: false, failure: { code } });
});

test("a conversation over the limit is refused with both lengths", () => {
  const messages = [{ role: "user", content: "x".repeat(2_000) }];
  expect(parse({ model: "m", messages })).toMatchObject({
    ok: false,
    failure: { code: "message_too_long", message: expect.stringMatching(/20\d\d bytes.* 1000/) },
    param: "messages",
  });
});

describe("a body of a million wrong values", () => {
  const MANY = 900_000;
  const ask = (more: object) =>
    Buffer.from(
      JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], ...more }),
    );

  test.each([
    ["parts of a message", { messages: [{ role: "user", content: Array(MANY).fill(1) }] }],
    ["calls", { messages: [{ role: "assistant", tool_calls: Array(MANY).fill({}) }] }],
    [
      "parts of many",
      { messages: Array(2_000).fill({ role: "user", content: Array(400).fill({}) }) },
    ],
    ["messages", { messages: Array(MANY).fill(1) }],
    ["words to stop at", { stop: Array(MANY).fill(1) }],
    ["tools", { tools: Array(MANY).fill({}) }],
  ])("%s: is refused before each of them is judged", (_, more) => {
    const parsed = parseChatRequest(ask(more), { maxMessageBytes: 524_288 });
    // One problem, instead of millions.
    const message = expect.stringMatching(/^`\w+` must have at most [^;]*\.$/);
    expect(parsed).toMatchObject({ ok: false, failure: { code: "invalid_request", message } });
  });

  test("but a long conversation with many tools is read", () => {
    const messages = Array.from({ length: 2_000 }, (_, index) => ({
      role: "user",
      content: [{ type: "text", text: `${index}` }],
    }));
    const properties = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`p${index}`, { type: "string" }]),
    );
    const tool = {
      type: "function",
      function: { name: "f", parameters: { type: "object", properties } },
    };
    const body = ask({ messages, tools: Array(128).fill(tool) });
    expect(parseChatRequest(body, { maxMessageBytes: 524_288 })).toMatchObject({ ok: true });
  });
});

test("a body with too many fields is refused for their number, not for each field", () => {
  const unknown = Object.fromEntries(
    Array.from({ length: 250_000 }, (_, index) => [`field_${index}`, 1]),
  );
  expect(parse({ model: "m", messages: [{ role: "user", content: "x" }], ...unknown })).toEqual({
    ok: false,
    failure: expect.objectContaining({
      code: "invalid_request",
      message: "A request must have at most 1000 fields.",
    }),
    param: null,
  });
});
