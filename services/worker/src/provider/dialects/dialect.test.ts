import { type ProviderConfig, type ProviderKind, parseGatewayConfig } from "@openclaw/config";
import type { ErrorCode, RunOptions } from "@openclaw/protocol";
import { describe, expect, it } from "vitest";
import { chatRequestBody } from "../chat-request.ts";
import { readRefusal } from "../refusals/refusal.ts";
import { classifyRefusal, refusalDetail } from "./classify-refusal.ts";
import { dialectOf } from "./dialect-of.ts";

type Row = readonly [status: number, body: unknown, code: ErrorCode];

const problem = (status: number, title: string, detail?: string) => ({ status, title, detail });
const error = (code: string | number, message = "…") => ({ error: { code, message } });

const TABLE: Readonly<Record<ProviderKind, readonly Row[]>> = {
  nvidia: [
    [401, { type: "about:blank", ...problem(401, "Unauthorized", "bad") }, "provider_auth"],
    [403, problem(403, "Forbidden", "Authorization failed"), "provider_auth"],
    [402, problem(402, "Payment Required", "credits expired"), "provider_quota"],
    [404, problem(404, "Not Found", "Function 'f': Not found for account 'a'"), "model_not_found"],
    [404, "404 page not found", "model_not_found"],
    [410, problem(410, "Gone", "end of life on 2026-05-14"), "model_not_found"],
    [429, problem(429, "Too Many Requests"), "provider_rate_limited"],
    [
      400,
      problem(400, "Bad Request", "Function id 'f': DEGRADED function cannot be invoked"),
      "provider_overloaded",
    ],
    [400, error(400, "Unsupported field reasoning_budget"), "provider_rejected"],
    [
      400,
      { object: "error", message: "This model's maximum context length is 8192 tokens" },
      "context_length_exceeded",
    ],
    [
      503,
      error(503, "ResourceExhausted: Worker local total request limit reached (17/16)"),
      "provider_overloaded",
    ],
    [500, error(500, "ResourceExhausted"), "provider_overloaded"],
    [504, "", "provider_overloaded"],
    [502, "<html><h1>502 Bad Gateway</h1></html>", "provider_error"],
    [202, "", "provider_overloaded"],
  ],
  zhipu: [
    [401, error("1000"), "provider_auth"],
    [401, error("1002"), "provider_auth"],
    [429, error("1113"), "provider_quota"],
    [429, error("1302"), "provider_rate_limited"],
    [429, error("1303"), "provider_rate_limited"],
    [429, error("1304"), "provider_quota"],
    [429, error("1305"), "provider_overloaded"],
    [429, error("1308"), "provider_quota"],
    [429, error("1312"), "provider_overloaded"],
    [429, "", "provider_rate_limited"],
    [400, error("1301"), "content_filtered"],
    [400, error("1211"), "model_not_found"],
    [400, error(1261), "context_length_exceeded"],
    [400, error("1214"), "provider_rejected"],
    [434, "", "provider_auth"],
    [500, error("1234"), "provider_error"],
  ],
  tencent: [
    [400, error("400001"), "provider_rejected"],
    [401, error("401002"), "provider_auth"],
    [402, error("401008", "FREE_QUOTA_EXHAUSTED"), "provider_quota"],
    [402, "", "provider_quota"],
    [403, error("403001"), "provider_auth"],
    [429, error("429001"), "provider_rate_limited"],
    [451, error("451001"), "content_filtered"],
    [502, error("502001"), "provider_error"],
    [502, error("upstream_said_no"), "provider_error"],
    [200, { Response: { Error: { Code: "RequestLimitExceeded" } } }, "provider_rate_limited"],
  ],
  openai: [
    [401, error("invalid_api_key"), "provider_auth"],
    [404, error("model_not_found"), "model_not_found"],
    [400, error("context_length_exceeded"), "context_length_exceeded"],
    [429, error("insufficient_quota"), "provider_quota"],
    [429, error("rate_limit_exceeded"), "provider_rate_limited"],
    [400, error("", "The model `x` does not exist"), "model_not_found"],
    [400, error("content_filter"), "content_filtered"],
    [413, "", "context_length_exceeded"],
    [422, error(422), "provider_rejected"],
    [301, "", "provider_rejected"],
    [204, "", "provider_malformed"],
    [503, "[1,2]", "provider_overloaded"],
    [529, "null", "provider_overloaded"],
    [500, '{"error":', "provider_error"],
  ],
};

for (const [kind, rows] of Object.entries(TABLE) as [ProviderKind, readonly Row[]][]) {
  describe(`refusals of ${kind}`, () => {
    for (const [status, body, code] of rows) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      it(`${status} ${text.slice(0, 70)} is ${code}`, () => {
        expect(classifyRefusal(dialectOf(kind), readRefusal(status, text))).toBe(code);
      });
    }
  });
}

it("tells a code only where it is one of the documented ones", () => {
  const zhipu = dialectOf("zhipu");
  const detail = (code: string) => refusalDetail(zhipu, { status: 429, code, text: "", names: "" });
  expect(detail("1302")).toBe("HTTP 429, code 1302");
  expect(detail("my secret prompt")).toBe("HTTP 429");
  expect(detail("constructor")).toBe("HTTP 429");
});

describe("fields beyond the common ones", () => {
  const fields = (kind: ProviderKind, model: string) => {
    const config = configFor({ kind, baseUrl: "http://localhost", model });
    return dialectOf(kind).requestFields(config);
  };
  const disabled = { thinking: { type: "disabled" } };

  it("asks OpenAI and TokenHub for usage, and NVIDIA for nothing", () => {
    const usage = { stream_options: { include_usage: true } };
    expect(fields("openai", "gpt-oss")).toEqual(usage);
    expect(fields("tencent", "deepseek-v4-flash")).toEqual(usage);
    expect(fields("tencent", "hy3")).toEqual({ ...usage, ...disabled });
    expect(fields("nvidia", "openai/gpt-oss-20b")).toEqual({});
  });

  it("turns Zhipu's thinking off only for models that accept it", () => {
    for (const model of ["glm-4.5-air", "glm-4.7-flash", "glm-4.6", "glm-5", "glm-5.2"]) {
      expect(fields("zhipu", model)).toEqual(disabled);
    }
    for (const model of ["glm-5.3", "glm-5.3-flash", "glm-4-flash", "glm-6"]) {
      expect(fields("zhipu", model)).toEqual({});
    }
  });
});

describe("the continuation of a partial answer", () => {
  const bodyFor = (baseUrl: string, partial?: string) => {
    const config = configFor({ kind: "openai", baseUrl, model: "m" });
    const messages = [{ role: "user", content: "hi" }] as const;
    return JSON.parse(
      chatRequestBody({ messages, partial }, { config, dialect: dialectOf(config.kind) }),
    );
  };
  const last = (mark: object) => ({ role: "assistant", content: "Hel", ...mark });

  it.each([
    ["http://10.0.0.5:8000/v1", {}],
    ["https://api.deepseek.com/beta", { prefix: true }],
    ["https://api.moonshot.cn/v1", { partial: true }],
    ["https://dashscope.aliyuncs.com/compatible-mode/v1", { partial: true }],
  ])("%s is asked for as its server spells it", (url, mark) => {
    const body = bodyFor(url, "Hel");
    expect(body.messages.at(-1)).toEqual(last(mark));
    const asked = { continue_final_message: true, add_generation_prompt: false };
    if (Object.keys(mark).length === 0) expect(body).toMatchObject(asked);
    else expect(body).not.toHaveProperty("continue_final_message");
  });

  it("is not asked for without one", () => {
    const body = bodyFor("http://10.0.0.5:8000/v1");
    expect(body.messages).toHaveLength(1);
    expect(body).not.toHaveProperty("continue_final_message");
  });

  it("is known of no other kind", () => {
    for (const kind of ["nvidia", "zhipu", "tencent"] as const) {
      expect(dialectOf(kind).continuation).toBeUndefined();
    }
  });
});

describe("the options of a run", () => {
  const all = { temperature: 1.5, topP: 1, maxTokens: 7, stop: ["END"] };
  const bodyFor = (
    kind: ProviderKind,
    options: RunOptions,
    baseUrl = "http://10.0.0.5:8000/v1",
  ) => {
    const config = configFor({ kind, baseUrl, model: "m" });
    const messages = [{ role: "user", content: "hi" }] as const;
    const dialect = dialectOf(kind);
    const {
      model,
      messages: _,
      stream,
      stream_options,
      ...rest
    } = JSON.parse(chatRequestBody({ messages, options }, { config, dialect }));
    return rest;
  };
  const usual = { temperature: 1.5, top_p: 1, max_tokens: 7, stop: ["END"] };

  it.each(["openai", "nvidia", "tencent"] as const)("of %s have the usual names", (kind) => {
    expect(bodyFor(kind, all)).toEqual(usual);
    expect(bodyFor(kind, {})).toEqual({});
  });

  it("of OpenAI itself have its newer name for the limit", () => {
    const { max_tokens, ...others } = usual;
    const body = bodyFor("openai", all, "https://api.openai.com/v1");
    expect(body).toEqual({ ...others, max_completion_tokens: max_tokens });
  });

  it("of Zhipu stay within its ranges", () => {
    expect(bodyFor("zhipu", all)).toEqual({ ...usual, temperature: 1, top_p: 0.99 });
    const within = bodyFor("zhipu", { temperature: 0, topP: 0.5 });
    expect(within).toEqual({ temperature: 0, top_p: 0.5 });
  });
});

function configFor(provider: object): ProviderConfig {
  const { providers } = parseGatewayConfig(
    { providers: { p: provider } },
    { source: "test", env: {} },
  );
  // It was just configured.
  return providers.p as ProviderConfig;
}
