import type { RunResult } from "@openclaw/client";
import { expect, test } from "vitest";
import { summaryOf } from "./show-answer.ts";

const RESULT: RunResult = {
  refused: false,
  run: "r",
  text: "x".repeat(300),
  reasoning: "",
  provider: "zhipu",
  model: "glm",
  finish: "stop",
  usage: { inputTokens: 3, outputTokens: 90 },
  timings: { totalMs: 2_300 },
  seen: { firstTextMs: 314, totalMs: 2_314 },
};

test("says who answered, when the first text came, and how fast from there on", () => {
  expect(summaryOf(RESULT)).toBe("zhipu (glm) · first text 0.31 s · 45 tokens/s");
});

test("counts characters where the provider did not count tokens", () => {
  expect(summaryOf({ ...RESULT, usage: null })).toMatch(/ · 150 characters\/s$/);
});

test("an answer that came in one piece has no speed; one that was cut says so", () => {
  const seen = { firstTextMs: 500, totalMs: 501 };
  expect(summaryOf({ ...RESULT, seen, finish: "length" })).toBe(
    "zhipu (glm) · first text 0.50 s · cut at the limit of its length",
  );
});
