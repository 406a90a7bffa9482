import { expect, test } from "vitest";
import { promptBytes } from "./prompt-bytes.ts";

test.each([
  ["text by its bytes", "x".repeat(1_000), 1_000, 1_100],
  ["Chinese text by three bytes each", "字".repeat(1_000), 3_000, 3_100],
  ["all that is nested", { a: [{ b: "x".repeat(1_000) }, ["y".repeat(500)]] }, 1_500, 2_000],
  [
    "what holds nothing, by the room it takes",
    Array.from({ length: 1_000 }, () => []),
    32_000,
    33_000,
  ],
  ["nothing where there is nothing", undefined, 0, 0],
])("counts %s", (_, value, least, most) => {
  const bytes = promptBytes(value);
  expect(bytes).toBeGreaterThanOrEqual(least);
  expect(bytes).toBeLessThanOrEqual(most);
});

test("however deep it is", () => {
  let value: unknown = "x";
  for (let depth = 0; depth < 100_000; depth += 1) value = [value];
  expect(promptBytes(value)).toBe(100_001 * 32 + 1);
});
