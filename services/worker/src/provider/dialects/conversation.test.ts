/** How each kind of provider gets a conversation and the passed fields. */
import { type ProviderConfig, type ProviderKind, parseGatewayConfig } from "@openclaw/config";
import type { ConversationMessage, PassedFields } from "@openclaw/protocol";
import { describe, expect, it } from "vitest";
import { chatRequestBody } from "../chat-request.ts";
import type { ChatRequest } from "../contract/provider-event.ts";
import { dialectOf } from "./dialect-of.ts";

const OPENAI = "https://api.openai.com/v1";

function bodyFor(
  kind: ProviderKind,
  request: Partial<ChatRequest>,
  { model = "m", baseUrl = "http://127.0.0.1:9/v1", ...more }: Partial<ProviderConfig> = {},
) {
  const { providers } = parseGatewayConfig(
    { providers: { p: { kind, baseUrl, model, ...more } } },
    { source: "test", env: {} },
  );
  if (!providers.p) throw new Error("it was just configured");
  const messages: ConversationMessage[] = [{ role: "user", content: "hi" }];
  const options = { config: providers.p, dialect: dialectOf(kind) };
  return JSON.parse(chatRequestBody({ messages, ...request }, options));
}

const call = { id: "c1", type: "function", function: { name: "f", arguments: "{}" } } as const;
const text = (value: string) => ({ type: "text", text: value }) as const;
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } } as const;

describe("messages", () => {
  const conversation: ConversationMessage[] = [
    { role: "developer", content: [text("Be brief."), text("Be kind.")] },
    { role: "user", content: [text("What is this?"), image] },
    { role: "assistant", content: null, tool_calls: [call], reasoning_content: "hm" },
    { role: "tool", content: [text("a cat")], tool_call_id: "c1" },
  ];
  const [, user, assistant] = conversation;

  const { reasoning_content: _, ...unthinking } = JSON.parse(JSON.stringify(assistant));

  it.each([
    ["nvidia", unthinking],
    ["zhipu", assistant],
    ["tencent", assistant],
  ] as const)("of %s are strings where all is text", (kind, answered) => {
    expect(bodyFor(kind, { messages: conversation }).messages).toEqual([
      { role: "system", content: "Be brief.\nBe kind." },
      user,
      answered,
      { role: "tool", content: "a cat", tool_call_id: "c1" },
    ]);
  });

  it("of OpenAI itself go out as they came, without what was thought", () => {
    const { messages } = bodyFor("openai", { messages: conversation }, { baseUrl: OPENAI });
    expect(messages).toEqual([conversation[0], user, unthinking, conversation[3]]);
  });

  it("of other servers of that kind lose the role that they do not know as well", () => {
    const { messages } = bodyFor("openai", { messages: conversation });
    const system = { ...conversation[0], role: "system" };
    expect(messages).toEqual([system, user, unthinking, conversation[3]]);
  });

  it.each([
    ["openai", { wantsReasoning: true }, true],
    ["openai", { baseUrl: "https://api.deepseek.com" }, true],
    ["openai", { baseUrl: "https://api.moonshot.cn/v1" }, true],
    ["openai", { baseUrl: "https://api.moonshot.cn/v1", wantsReasoning: false }, false],
    ["nvidia", { wantsReasoning: true }, true],
    ["tencent", { wantsReasoning: false }, false],
  ] as const)("of %s with %j have what was thought: %s", (kind, config, isThere) => {
    const { messages } = bodyFor(kind, { messages: conversation }, config);
    expect(messages[2]).toEqual(isThere ? assistant : unthinking);
  });
});

describe("passed fields", () => {
  const tools: PassedFields["tools"] = [{ type: "function", function: { name: "f" } }];
  const fieldsOf = (kind: ProviderKind, passed: PassedFields, model = "m") => {
    const {
      model: _m,
      messages,
      stream,
      stream_options,
      ...rest
    } = bodyFor(kind, { passed }, { model });
    return rest;
  };
  const all: PassedFields = {
    tools,
    tool_choice: "auto",
    parallel_tool_calls: false,
    response_format: { type: "json_object" },
    user: "user-1",
    seed: 0,
    presence_penalty: 1,
    frequency_penalty: -1,
    reasoning_effort: "low",
  };
  const { user, ...heeded } = all;
  const { presence_penalty, frequency_penalty, ...unpunished } = heeded;

  it("go out as they came where all of them are known", () => {
    expect(fieldsOf("openai", all)).toEqual(all);
  });

  it("of NVIDIA and TokenHub are without the user, which neither documents", () => {
    expect(fieldsOf("nvidia", all)).toEqual(heeded);
    expect(fieldsOf("tencent", all)).toEqual(unpunished);
  });

  it.each(["nvidia", "zhipu", "tencent"] as const)("of %s are without defaults", (kind) => {
    const defaults: PassedFields = {
      parallel_tool_calls: true,
      response_format: { type: "text" },
      presence_penalty: 0,
      frequency_penalty: 0,
    };
    expect(fieldsOf(kind, defaults)).toEqual({});
  });

  it("of Zhipu have its name for the user, where it would take it", () => {
    expect(fieldsOf("zhipu", { user: "user-1" })).toEqual({ user_id: "user-1" });
    expect(fieldsOf("zhipu", { user: "short" })).toEqual({});
    expect(fieldsOf("zhipu", { user: "x".repeat(129) })).toEqual({});
  });

  it("of Zhipu have no tools where none is to be called", () => {
    expect(fieldsOf("zhipu", { tools, tool_choice: "none" })).toEqual({});
    expect(fieldsOf("zhipu", { tools, tool_choice: "auto" })).toEqual({
      tools,
      tool_choice: "auto",
    });
  });

  it("of Zhipu ask for calls as they are made, of models that can", () => {
    for (const model of ["glm-4.6", "glm-4.7-flash", "glm-5", "glm-5.3-flash"]) {
      expect(fieldsOf("zhipu", { tools }, model)).toMatchObject({ tool_stream: true });
    }
    for (const model of ["glm-4.5-air", "glm-4-flash"]) {
      expect(fieldsOf("zhipu", { tools }, model)).not.toHaveProperty("tool_stream");
    }
  });

  it("that a provider cannot heed are its own to refuse, never left out", () => {
    const unheeded: PassedFields = {
      tools,
      tool_choice: "required",
      response_format: { type: "json_schema", json_schema: { name: "s" } },
    };
    expect(fieldsOf("zhipu", unheeded)).toEqual(unheeded);
  });

  const on = { thinking: { type: "enabled" } };
  const off = { thinking: { type: "disabled" } };
  it.each([
    ["zhipu", "glm-4.7", "high", on],
    ["zhipu", "glm-4.7", "none", off],
    ["zhipu", "glm-5.2", "none", { reasoning_effort: "none" }],
    ["zhipu", "glm-5.3-flash", "low", { reasoning_effort: "low" }],
    ["zhipu", "glm-4-flash", "low", { reasoning_effort: "low" }],
    ["tencent", "hy3", "low", { ...on, reasoning_effort: "low" }],
    ["tencent", "hy3", "max", { ...on, reasoning_effort: "high" }],
    ["tencent", "hy3", "minimal", off],
    ["tencent", "hy4-preview", "none", { reasoning_effort: "none" }],
    ["nvidia", "openai/gpt-oss-20b", "low", { reasoning_effort: "low" }],
  ] as const)("of %s %s say how much to think: %s", (kind, model, effort, fields) => {
    expect(fieldsOf(kind, { reasoning_effort: effort }, model)).toEqual(fields);
  });
});
