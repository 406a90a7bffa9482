import { describe, expect, test } from "vitest";
import { chatCompletionRequestSchema, passedFieldsOf, runOptionsOf } from "./chat-completions.ts";
import { requestProblem } from "./request-problem.ts";
import { runOptionsSchema } from "./run.ts";

const REQUEST = { model: "m", messages: [{ role: "user", content: "x" }] };

function problemOf(request: unknown) {
  const parsed = chatCompletionRequestSchema.safeParse(request);
  return parsed.success ? undefined : requestProblem(parsed.error.issues);
}

describe("a request is refused with the place and what to do", () => {
  test.each([
    [[], null, "must be an object, not array."],
    [{ ...REQUEST, messages: [] }, "messages", "`messages` must have at least 1 in it."],
    [
      { ...REQUEST, messages: [{ role: "user", content: [{ type: "text" }] }] },
      "messages.0.content.0.text",
      "`messages.0.content.0.text` is missing.",
    ],
    [
      { ...REQUEST, messages: [{ role: "user", content: [{ type: "video" }] }] },
      "messages.0.content.0.type",
      "`messages.0.content.0.type` has a value that is not known here.",
    ],
    [
      { ...REQUEST, messages: [{ role: "tool", content: "x" }] },
      "messages.0.tool_call_id",
      "`messages.0.tool_call_id` is missing.",
    ],
    [{ ...REQUEST, stop: 5 }, "stop", "`stop` must be of type string or array."],
    [
      { ...REQUEST, tool_choice: "sometimes" },
      "tool_choice",
      "`tool_choice` must be one of `none`, `auto`, `required`.",
    ],
    [
      { ...REQUEST, n: 2, top_k: 1 },
      "n",
      "`n` must be one of `1`; `top_k` is not a field that is heeded here; leave it out.",
    ],
  ])("%j", (request, param, message) => {
    expect(problemOf(request)).toEqual({ param, message });
  });

  test("a thousand problems are told as ten", () => {
    const messages = Array.from({ length: 1_000 }, () => ({ role: "user" }));
    expect(problemOf({ ...REQUEST, messages })?.message).toMatch(/; and 990 more\.$/);
  });
});

test("what asks for nothing is accepted, and null is the same as absent", () => {
  const silent = { n: 1, logprobs: false, store: true, metadata: {}, user: null, tools: null };
  const request = chatCompletionRequestSchema.parse({ ...REQUEST, ...silent, stop: null });
  expect(runOptionsOf(request)).toEqual({});
  expect(passedFieldsOf(request)).toBeUndefined();
});

test("limits and stops are a run's own, the rest is passed on as it is", () => {
  const tools = [{ type: "function" as const, function: { name: "f" } }];
  const request = chatCompletionRequestSchema.parse({
    ...REQUEST,
    max_tokens: 5,
    max_completion_tokens: 7,
    top_p: 0.5,
    stop: "END",
    seed: 1,
    tools,
  });
  expect(runOptionsOf(request)).toEqual({ maxTokens: 7, topP: 0.5, stop: ["END"] });
  expect(passedFieldsOf(request)).toEqual({ tools, seed: 1 });
});

test("a top_p of 0, which is OpenAI's least, becomes one that a run may have", () => {
  const request = chatCompletionRequestSchema.parse({ ...REQUEST, top_p: 0 });
  expect(runOptionsOf(request)).toEqual({ topP: 0.01 });
  expect(runOptionsSchema.safeParse(runOptionsOf(request)).success).toBe(true);
  expect(problemOf({ ...REQUEST, top_p: -0.1 })?.message).toBe("`top_p` must be at least 0.");
});
