import { describe, expect, test } from "vitest";
import { ERROR_CODES, failure, isErrorCode } from "./error-code.ts";
import { parseV1Up, V1_DONE, V1_PONG, v1ErrorFrame } from "./v1.ts";

const parse = (frame: unknown) =>
  parseV1Up(typeof frame === "string" ? frame : JSON.stringify(frame), { maxMessageBytes: 16 });

describe("what a v1 client may say", () => {
  test.each([
    [{ message: "hi" }, { type: "message", message: "hi", provider: undefined }],
    [
      { message: "hi", provider: "zhipu" },
      { type: "message", message: "hi", provider: "zhipu" },
    ],
    [
      { message: "hi", provider: null },
      { type: "message", message: "hi", provider: undefined },
    ],
    [
      { message: "hi", user: "me" },
      { type: "message", message: "hi", provider: undefined },
    ],
    [
      { type: "chat", message: "hi" },
      { type: "message", message: "hi", provider: undefined },
    ],
    [{ type: "cancel" }, { type: "cancel" }],
    [{ type: "ping" }, { type: "ping" }],
    ['\uFEFF{"message":"hi"}', { type: "message", message: "hi", provider: undefined }],
  ])("%j", (frame, up) => expect(parse(frame)).toEqual({ ok: true, up }));
});

test.each([
  "hello",
  "[1]",
  '"hi"',
  '{"type":"heartbeat"}',
  "{}",
  '{"message":" "}',
  '{"message":5}',
  '{"message":"much too long a message"}',
])("%s is refused", (frame) => {
  expect(parse(frame)).toMatchObject({ ok: false });
});

test("the limit counts UTF-8 bytes, and its exact value is accepted", () => {
  expect(parse({ message: "你好你好你" })).toMatchObject({ ok: true });
  expect(parse({ message: "你好你好你好" })).toMatchObject({
    ok: false,
    failure: { code: "message_too_long", message: expect.stringMatching(/18 .*16/) },
  });
});

test("every wrong field is named in one answer", () => {
  expect(parse({ message: 5, provider: 6 })).toMatchObject({
    failure: {
      code: "invalid_request",
      message: "`message` must be a string; `provider` must be a string.",
    },
  });
});

test("signals are the frames existing clients know, key for key", () => {
  expect([V1_DONE, V1_PONG]).toEqual(['{"type":"done"}', '{"type":"pong"}']);
  expect(v1ErrorFrame(failure("overloaded"))).toBe(
    '{"type":"error","message":"The service is at its limit. Try again shortly.",' +
      '"code":"overloaded","retryable":true}',
  );
});

test("every error code has one plain sentence", () => {
  for (const { message } of Object.values(ERROR_CODES)) expect(message).toMatch(/^[A-Z].*[.}]$/);
  expect(isErrorCode("overloaded")).toBe(true);
  expect(isErrorCode("toString")).toBe(false);
});
