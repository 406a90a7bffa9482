import { expect, test } from "vitest";
import { leastTokensOf, promptBytes } from "./request-size.ts";

test.each([
  ["text by its bytes", "x".repeat(1_000), 1_000, 1_100],
  ["Chinese text by three bytes each", "字".repeat(1_000), 3_000, 3_100],
  ["quotes and line ends by two", '"\\\n\t'.repeat(1_000), 8_000, 8_100],
  ["other control characters by six", "\u0001".repeat(1_000), 6_000, 6_100],
  ["halves of a character by six", "\ud800".repeat(1_000), 6_000, 6_100],
  ["whole characters of two halves by four", "😀".repeat(1_000), 4_000, 4_100],
  ["names of fields as texts", { ["\u0001字".repeat(1_000)]: 1 }, 9_000, 9_200],
  ["all that is nested", { a: [{ b: "x".repeat(1_000) }, ["y".repeat(500)]] }, 1_500, 2_000],
  ["empty values, by the room they take", Array.from({ length: 1_000 }, () => []), 32_000, 33_000],
  ["nothing where there is nothing", undefined, 0, 0],
])("counts %s", (_, value, least, most) => {
  const bytes = promptBytes(value);
  expect(bytes).toBeGreaterThanOrEqual(least);
  expect(bytes).toBeLessThanOrEqual(most);
});

test("never less than the JSON has", () => {
  const all = Array.from({ length: 65_536 }, (_, code) => String.fromCharCode(code));
  for (const text of [...all, all.join(""), "\ud800😀\udc00"]) {
    const json = Buffer.byteLength(JSON.stringify(text));
    expect(promptBytes(text) - json).toBe(30);
  }
});

test("whatever its depth", () => {
  let value: unknown = "x";
  for (let depth = 0; depth < 100_000; depth += 1) value = [value];
  expect(promptBytes(value)).toBe(100_001 * 32 + 1);
});

const user = (content: string) => ({ role: "user", content }) as const;

test("text counts by its bytes, and the room for the answer as it is", () => {
  expect(leastTokensOf({ messages: [user("x".repeat(120))] })).toBe(10);
  expect(leastTokensOf({ messages: [user("你".repeat(40)), user("x")] })).toBe(11);
  expect(leastTokensOf({ messages: [user("Hi")], options: { maxTokens: 4_000 } })).toBe(4_001);
});

test("an image counts nothing, whatever the length of its address", () => {
  const image = { type: "image_url", image_url: { url: `data:${"x".repeat(100_000)}` } } as const;
  const text = { type: "text", text: "x".repeat(24) } as const;
  expect(leastTokensOf({ messages: [{ role: "user", content: [text, image] }] })).toBe(2);
  expect(leastTokensOf({ messages: [{ role: "assistant", content: null }] })).toBe(0);
});
