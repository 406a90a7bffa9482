/** One table reads what a provider refuses with, whatever envelope it comes in. */
import { describe, expect, it, test } from "vitest";
import { classifyRefusal } from "../dialects/classify-refusal.ts";
import { dialectOf } from "../dialects/dialect-of.ts";
import { holdsError, readErrorObject, readRefusal } from "./refusal.ts";

const SAYS = "This model's maximum context length is 8192 tokens, however you requested 9000.";
const codeOf = (status: number, body: unknown) => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return classifyRefusal(dialectOf("openai"), readRefusal(status, text));
};

describe("that the context is too long is read", () => {
  it.each<readonly [string, unknown]>([
    ["from an object", { error: { message: SAYS, code: 400, status: "INVALID_ARGUMENT" } }],
    ["from a list of one", [{ error: { message: SAYS, code: 400 } }]],
    ["from a list within the envelope", { error: [{ message: SAYS }] }],
    ["from a text", SAYS],
    ["from a JSON text", JSON.stringify(SAYS)],
    ["from a text in the envelope", { error: SAYS }],
    ["from a detail that is a text", { detail: SAYS }],
    ["from a detail that is an object", { detail: { message: SAYS } }],
    ["from a detail that holds an envelope", { detail: { error: { message: SAYS } } }],
    [
      "from a detail that is a list",
      { detail: [{ loc: ["body", "messages"], msg: SAYS, type: "value_error" }] },
    ],
    ["from errors", { errors: [{ message: SAYS }] }],
    ["from errors that are texts", { errors: [SAYS] }],
    ["from a message at the top", { message: SAYS, type: "invalid_request_error", code: null }],
    ["from a message that is an object", { message: { error: { message: SAYS } } }],
    ["from an error in an error", { error: { error: { message: SAYS } } }],
    ["from problem JSON", { type: "about:blank", title: "Bad Request", status: 400, detail: SAYS }],
    [
      "from JSON quoted as a text",
      { error: { message: JSON.stringify({ error: { message: SAYS } }) } },
    ],
    [
      "from the error of an upstream",
      {
        error: {
          message: "Provider returned error",
          metadata: { raw: JSON.stringify({ error: { message: SAYS } }) },
        },
      },
    ],
    [
      "from an inner code alone",
      { error: { code: 400, error: { code: "context_length_exceeded" } } },
    ],
    ["from a code of the envelope", { code: 400, error: { code: "context_length_exceeded" } }],
    ["from vLLM's object", { object: "error", message: SAYS, code: 400 }],
    ["from an error_msg", { error_code: 336007, error_msg: SAYS }],
    ["from a fault", { fault: { faultstring: SAYS } }],
  ])("%s", (_, body) => {
    expect(codeOf(400, body)).toBe("context_length_exceeded");
  });

  it.each([
    "The input token count exceeds the maximum number of tokens allowed (1048576).",
    "prompt is too long: 208310 tokens > 200000 maximum",
    "Please reduce the length of the messages or completion.",
    "Range of input length: this exceeds the context window",
  ])("from other words: %s", (message) => {
    expect(codeOf(400, { error: { message } })).toBe("context_length_exceeded");
  });

  it("and not from what the envelope quotes of the request", () => {
    const detail = [{ loc: ["body"], msg: "field required", input: SAYS, ctx: { given: SAYS } }];
    expect(codeOf(422, { detail })).toBe("provider_rejected");
    expect(codeOf(400, { error: { message: "bad", request: { prompt: SAYS } } })).toBe(
      "provider_rejected",
    );
  });

  it("and not where the status says that something else is the matter", () => {
    expect(codeOf(429, { error: { message: SAYS } })).toBe("provider_rate_limited");
    expect(codeOf(401, { error: { message: SAYS } })).toBe("provider_auth");
  });
});

describe("other refusals", () => {
  it.each<readonly [number, unknown, string]>([
    [
      429,
      [{ error: { code: 429, message: "Quota exceeded.", status: "RESOURCE_EXHAUSTED" } }],
      "provider_rate_limited",
    ],
    [429, { detail: { code: "insufficient_quota" } }, "provider_quota"],
    [400, { detail: "Model gpt-9 does not exist" }, "model_not_found"],
    [400, { errors: [{ code: "content_policy_violation" }] }, "content_filtered"],
    [
      400,
      {
        error: {
          code: "400",
          innererror: { code: "ResponsibleAIPolicyViolation" },
          message: "The response was filtered due to Azure's content management policy.",
        },
      },
      "content_filtered",
    ],
    [502, "<html><title>502 Bad Gateway</title></html>", "provider_error"],
    [503, "upstream connect error", "provider_overloaded"],
    [413, "<html>413 Request Entity Too Large</html>", "context_length_exceeded"],
    [404, "404 page not found", "model_not_found"],
    [500, '{"error":{"message":"maximum context length', "provider_error"],
    [500, "", "provider_error"],
    [400, "[]", "provider_rejected"],
    [400, "null", "provider_rejected"],
  ])("%i %j is %s", (status, body, code) => expect(codeOf(status, body)).toBe(code));
});

describe("inside a stream of status 200", () => {
  it.each<readonly [unknown, string]>([
    [{ error: { message: SAYS } }, "context_length_exceeded"],
    [{ error: { code: 429, message: "slow down" } }, "provider_rate_limited"],
    [{ error: { status: "RESOURCE_EXHAUSTED", message: "x" } }, "provider_rate_limited"],
    [{ error: { type: "overloaded_error", message: "x" } }, "provider_overloaded"],
    [{ error: { type: "authentication_error", message: "x" } }, "provider_auth"],
    [{ error: { type: "invalid_request_error", message: "x" } }, "provider_rejected"],
    [{ error: { message: "Insufficient Balance" } }, "provider_quota"],
    [{ error: [{ message: "rate limit reached" }] }, "provider_rate_limited"],
    [{ errors: ["too many requests"] }, "provider_rate_limited"],
    [{ detail: "Service Unavailable" }, "provider_overloaded"],
    [{ message: "x", type: "internal_server_error", code: 500 }, "provider_error"],
    [{ base_resp: { status_code: 1008, status_msg: "insufficient balance" } }, "provider_quota"],
    [{ error: true }, "provider_error"],
  ])("%j is %s", (json, code) => {
    const refusal = readErrorObject(json as Record<string, unknown>);
    expect(refusal && classifyRefusal(dialectOf("openai"), refusal)).toBe(code);
  });

  it.each<readonly [unknown]>([
    [{}],
    [{ type: "ping" }],
    [{ choices: [], error: null }],
    [{ choices: [], error: { message: "", type: "", param: "", code: null } }],
    [{ choices: [], error: { code: 0, message: "success" } }],
    [{ choices: [], error: { code: "200", message: "OK" } }],
    [{ choices: [], error: [] }],
    [{ choices: [], error: [{}] }],
    [{ choices: [], error: "" }],
    [{ choices: [], error: false }],
    [{ choices: [{}], message: "x", type: "error", detail: "y", status: 500 }],
    [{ choices: [], base_resp: { status_code: 0, status_msg: "success" } }],
    [{ message: "hello", type: "notice" }],
    [{ event: "progress", detail: "thinking" }],
  ])("%j is none", (json) => {
    expect(readErrorObject(json as Record<string, unknown>)).toBeUndefined();
  });
});

test("an envelope that is nested or long without end costs no more than its beginning", () => {
  const deep = Array(10_000)
    .fill(0)
    .reduce((inner: unknown) => ({ error: inner }), { message: SAYS });
  expect(readErrorObject({ error: deep })?.text).toBe("");
  const long = { errors: Array(1_000).fill({ message: "x".repeat(1_000) }) };
  expect(readErrorObject(long)?.text.length).toBeLessThanOrEqual(4_096);
});

test.each([
  ["something", true, [{ a: { b: " x " } }, 1, true, ["no"], { code: -1 }]],
  ["nothing", false, [{ a: { b: " " } }, 0, false, [""], { code: 0 }, { retry: true }, "ok", null]],
] as const)("%s is said", (_, says, values) => {
  for (const value of values) expect([value, holdsError(value)]).toEqual([value, says]);
});
