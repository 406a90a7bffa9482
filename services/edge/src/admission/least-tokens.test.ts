import { expect, test } from "vitest";
import { leastTokensOf } from "./least-tokens.ts";

const user = (content: string) => ({ role: "user", content }) as const;

test("text counts by its bytes, and the room for the answer as it is", () => {
  expect(leastTokensOf({ messages: [user("x".repeat(120))] })).toBe(10);
  expect(leastTokensOf({ messages: [user("你".repeat(40)), user("x")] })).toBe(11);
  expect(leastTokensOf({ messages: [user("Hi")], options: { maxTokens: 4_000 } })).toBe(4_001);
});

test("an image counts nothing, however long its address is", () => {
  const image = { type: "image_url", image_url: { url: `data:${"x".repeat(100_000)}` } } as const;
  const text = { type: "text", text: "x".repeat(24) } as const;
  expect(leastTokensOf({ messages: [{ role: "user", content: [text, image] }] })).toBe(2);
  expect(leastTokensOf({ messages: [{ role: "assistant", content: null }] })).toBe(0);
});
