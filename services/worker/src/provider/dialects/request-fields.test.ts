/** Which fields a provider is sent, and whose value counts. */
import { type ProviderKind, parseGatewayConfig } from "@openclaw/config";
import type { RunParameters } from "@openclaw/protocol";
import { describe, expect, test } from "vitest";
import { dialectOf } from "./dialect-of.ts";
import { requestFields } from "./request-fields.ts";

const OPENAI = "https://api.openai.com/v1";

/** What would stand in the request. */
function sent(kind: ProviderKind, parameters: RunParameters, more: object = {}) {
  const provider = { kind, baseUrl: "http://127.0.0.1:9/v1", model: "m", ...more };
  const { providers } = parseGatewayConfig(
    { providers: { p: provider } },
    { source: "test", env: {} },
  );
  if (!providers.p) throw new Error("it was just configured");
  const fields = requestFields(parameters, { config: providers.p, dialect: dialectOf(kind) });
  const { stream_options, ...rest } = JSON.parse(JSON.stringify(fields));
  return rest;
}

describe("a client's own fields", () => {
  const extra = { top_k: 40, guided_json: { type: "object" }, foo: 1 };

  test("go out as they came to a provider that takes them", () => {
    expect(sent("openai", { extra })).toEqual(extra);
    expect(sent("zhipu", { extra }, { unknownFields: "pass" })).toEqual(extra);
  });

  test("are left out where they are not known, unless they shape the answer", () => {
    expect(sent("zhipu", { extra })).toEqual({ guided_json: extra.guided_json, foo: 1 });
    expect(sent("openai", { extra: { top_k: 40 } }, { baseUrl: OPENAI })).toEqual({});
  });

  test("count before the defaults of the gateway", () => {
    const thinking = { type: "enabled", clear_thinking: false };
    expect(sent("zhipu", {}, { model: "glm-4.7" })).toEqual({ thinking: { type: "disabled" } });
    expect(sent("zhipu", { extra: { thinking } }, { model: "glm-4.7" })).toEqual({ thinking });
    const passed = { reasoning_effort: "none" };
    expect(sent("zhipu", { passed, extra: { thinking } }, { model: "glm-4.7" })).toEqual({
      thinking,
    });
    const tools = [{ type: "function" as const, function: { name: "f" } }];
    const streamed = { passed: { tools }, extra: { tool_stream: false } };
    expect(sent("zhipu", streamed, { model: "glm-4.7" })).toMatchObject({ tool_stream: false });
  });

  test("about thinking are not contradicted by a default under another name", () => {
    const extra = { enable_thinking: true };
    expect(sent("tencent", { extra }, { model: "hy3" })).toEqual(extra);
    expect(sent("tencent", {}, { model: "hy3", extraBody: extra })).toEqual(extra);
  });

  test("of seeds and penalties are left out where they are not known", () => {
    const passed = { seed: 7, presence_penalty: 1, frequency_penalty: 1 };
    expect(sent("zhipu", { passed })).toEqual({});
    expect(sent("tencent", { passed })).toEqual({ seed: 7 });
    expect(sent("nvidia", { passed })).toEqual(passed);
  });
});

describe("the operator's fields", () => {
  const extraBody = {
    top_k: 20,
    temperature: 0.6,
    chat_template_kwargs: { enable_thinking: false, reasoning: "low" },
    response_format: { type: "json_schema", json_schema: { name: "s" } },
  };

  test("stand in every request, known or not", () => {
    expect(sent("zhipu", {}, { extraBody })).toEqual(extraBody);
  });

  test("are replaced by the client's, each as a whole, and template settings one by one", () => {
    const parameters: RunParameters = {
      options: { temperature: 1 },
      passed: { response_format: { type: "json_object" } },
      extra: { top_k: 1, chat_template_kwargs: { enable_thinking: true } },
    };
    expect(sent("openai", parameters, { extraBody })).toEqual({
      top_k: 1,
      temperature: 1,
      chat_template_kwargs: { enable_thinking: true, reasoning: "low" },
      response_format: { type: "json_object" },
    });
  });

  test("count before the defaults of the gateway, and null takes one away", () => {
    const model = "glm-4.7";
    const thinking = { type: "enabled" };
    expect(sent("zhipu", {}, { model, extraBody: { thinking } })).toEqual({ thinking });
    expect(sent("zhipu", {}, { model, extraBody: { thinking: null } })).toEqual({});
    const effort = { passed: { reasoning_effort: "none" } };
    expect(sent("zhipu", effort, { model, extraBody: { thinking } })).toEqual({
      thinking: { type: "disabled" },
    });
  });
});

describe("the limit of an answer", () => {
  const options = { maxTokens: 7 };
  const [older, newer] = ["max_tokens", "max_completion_tokens"] as const;

  test.each([
    ["openai", {}, undefined, older],
    ["openai", {}, older, older],
    ["openai", {}, newer, newer],
    ["openai", { baseUrl: OPENAI }, older, newer],
    ["openai", { maxTokensName: newer }, older, newer],
    ["openai", { baseUrl: OPENAI, maxTokensName: older }, newer, older],
    ["nvidia", {}, newer, older],
    ["zhipu", {}, newer, older],
    ["tencent", {}, newer, older],
    ["nvidia", { maxTokensName: newer }, undefined, newer],
  ] as const)("of %s with %j, called %s by the client, is %s", (kind, config, limitName, name) => {
    expect(sent(kind, { options, limitName }, config)).toEqual({ [name]: 7 });
  });

  test("of the client replaces that of the operator, whatever the two call it", () => {
    const extraBody = { max_tokens: 1_000 };
    expect(sent("openai", {}, { extraBody })).toEqual(extraBody);
    expect(sent("openai", { options, limitName: newer }, { extraBody })).toEqual({ [newer]: 7 });
  });
});
