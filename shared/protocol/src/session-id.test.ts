import { describe, expect, test } from "vitest";
import { isSessionId, sessionIdSchema, sessionOfPath } from "./session-id.ts";

describe("any text is a session id, but for its length and control characters", () => {
  test.each([
    ["a", true],
    ["A.b_c:d-9", true],
    ["张三", true],
    ["user@example.com", true],
    ["a b/c?d#e%f+g", true],
    ["👩‍🔬", true],
    ["x".repeat(256), true],
    ["张".repeat(85), true],
    ["", false],
    ["x".repeat(257), false],
    ["张".repeat(86), false],
    ["a\n", false],
    ["a\u0000b", false],
    ["a\u007f", false],
    ["a\u0085b", false],
    ["a\ud83d", false],
  ])("%j: %s", (id, valid) => {
    expect(isSessionId(id)).toBe(valid);
    expect(sessionIdSchema.safeParse(id).success).toBe(valid);
  });
});

describe("in a path it is percent-encoded", () => {
  test.each([
    ["plain-1.2_3:4", "plain-1.2_3:4"],
    ["%E5%BC%A0%E4%B8%89", "张三"],
    ["user%40example.com", "user@example.com"],
    ["user@example.com", "user@example.com"],
    ["a%2Fb%3Fc%25d", "a/b?c%d"],
    // Only forms write a space as `+`.
    ["a+b", "a+b"],
    ["%EF%BB%BFmine", "mine"],
    ["", ""],
    ["%", undefined],
    ["100%", undefined],
    ["%FF", undefined],
    ["%ED%A0%80", undefined],
    ["a%0Ab", undefined],
    ["%EF%BB%BF", undefined],
    ["x".repeat(257), undefined],
  ])("%s is %j", (encoded, session) => expect(sessionOfPath(encoded)).toBe(session));

  test("what was valid before is encoded or not, and stays the same session", () => {
    const id = "AZaz09._:-";
    expect([sessionOfPath(id), sessionOfPath(encodeURIComponent(id))]).toEqual([id, id]);
  });
});
