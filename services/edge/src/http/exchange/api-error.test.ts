import { apiErrorSchema, ERROR_CODES, type ErrorCode, failure } from "@openclaw/protocol";
import { expect, test } from "vitest";
import { apiError, refusalOf } from "./api-error.ts";

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

test("every code has a body as clients expect it, and a status that is an error", () => {
  for (const code of codes) {
    expect(apiErrorSchema.parse(apiError(failure(code), "messages"))).toMatchObject({
      error: { message: ERROR_CODES[code].message, param: "messages" },
    });
    expect(refusalOf(failure(code)).status).toBeGreaterThanOrEqual(400);
  }
});

test("a client is told not to retry a failure that is not retryable", () => {
  for (const code of codes.filter((code) => !ERROR_CODES[code].retryable)) {
    expect(refusalOf(failure(code)).headers, code).toEqual({ "x-should-retry": "false" });
  }
});

test("the wait is in whole seconds up to a minute", () => {
  const headersOf = (code: ErrorCode, ms?: number) =>
    refusalOf(failure(code, undefined, ms)).headers;
  expect(headersOf("provider_rate_limited", 1_200)).toMatchObject({
    "retry-after": "2",
    "retry-after-ms": "1200",
  });
  expect(headersOf("provider_rate_limited")["retry-after"]).toBe("1");
  expect(headersOf("provider_overloaded", 600_000)["retry-after"]).toBe("59");
  expect(headersOf("draining", 0)).toMatchObject({ "retry-after": "1", "retry-after-ms": "1" });
  expect(headersOf("provider_cut")["retry-after"]).toBeUndefined();
});
