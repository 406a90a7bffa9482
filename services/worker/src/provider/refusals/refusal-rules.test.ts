/** Whose fault a refusal is: the same status may be the request's, the account's or the provider's. */
import { describe, expect, test } from "vitest";
import { ACCOUNT, IN_STREAM, PROVIDER, REQUEST, say } from "../../testing/real-refusals.ts";
import { classifyRefusal, refusalDetail } from "../dialects/classify-refusal.ts";
import { dialectOf } from "../dialects/dialect-of.ts";
import { type FailurePolicy, policyOf } from "../health/failure-policy.ts";
import { readErrorText, readRefusal } from "./refusal.ts";

const openai = dialectOf("openai");

describe.each([
  ["request", REQUEST],
  ["account", ACCOUNT],
  ["provider", PROVIDER],
] as const)("the fault is the %s's", (fault: FailurePolicy["fault"], rows) => {
  const named = rows.map((row) => [`${row[0]} ${textOf(row[1]).slice(0, 90)}`, ...row] as const);
  test.each(named)("%s", (_, status, body, code) => {
    expect(classifyRefusal(openai, readRefusal(status, textOf(body)))).toBe(code);
    expect(policyOf(code).fault).toBe(fault);
  });
});

test("an error inside a stream is read as one with the status that it states", () => {
  const rows = [...REQUEST, ...ACCOUNT].filter(([, body]) => typeof body === "object");
  for (const [status, body, code] of rows) {
    const stated = { status, error: body };
    expect([stated, classifyRefusal(openai, readErrorText(stated))]).toEqual([stated, code]);
  }
});

test.each(IN_STREAM)("inside a stream, without a status: %s", (message, code) => {
  expect(classifyRefusal(openai, readErrorText({ error: { message } }))).toBe(code);
});

test.each([
  [
    402,
    "You can only afford 12 tokens.",
    "HTTP 402, more tokens than the account can pay for: ask for fewer `max_tokens`",
  ],
  [
    429,
    "This request is larger than the limit per minute.",
    "HTTP 429, larger than the provider's limit for one request",
  ],
  [
    404,
    "No endpoints found that support tool use.",
    "HTTP 404, the request needs a feature that the model or the account does not have",
  ],
  [
    400,
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "HTTP 400, it expects another name for the limit of tokens: see its `maxTokensName`",
  ],
  [400, "Secret words of the provider", "HTTP 400"],
])("a refused request says why in our own words: %i %s", (status, message, detail) => {
  const refusal = readRefusal(status, JSON.stringify(say(message)));
  expect(refusalDetail(openai, refusal)).toBe(detail);
});

function textOf(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}
