import { describe, expect, test } from "vitest";
import { chatCompletionRequestSchema, parametersOfChat } from "./chat-completions.ts";
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
      { ...REQUEST, tools: [{ type: "function", function: {} }] },
      "tools.0.function.name",
      "`tools.0.function.name` is missing.",
    ],
    [{ ...REQUEST, tools: [{}] }, "tools.0.type", "`tools.0.type` must be one of `function`."],
    [
      { ...REQUEST, n: 2, logprobs: true },
      "n",
      "`n` must be one of `1`; `logprobs` must be one of `false`.",
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
  const silent = {
    n: 1,
    logprobs: false,
    store: true,
    metadata: { a: "b" },
    user: null,
    tools: null,
  };
  const ignored = { priority: 5, service_tier: "priority", request_id: "r", logit_bias: {} };
  const request = chatCompletionRequestSchema.parse({
    ...REQUEST,
    ...silent,
    ...ignored,
    stop: null,
  });
  expect(parametersOfChat(request)).toEqual({ options: {} });
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
  expect(parametersOfChat(request)).toEqual({
    options: { maxTokens: 7, topP: 0.5, stop: ["END"] },
    passed: { tools, seed: 1 },
    limitName: "max_completion_tokens",
  });
});

test("a top_p of 0, which is OpenAI's least, becomes one that a run may have", () => {
  const request = chatCompletionRequestSchema.parse({ ...REQUEST, top_p: 0 });
  const { options } = parametersOfChat(request);
  expect(options).toEqual({ topP: 0.01 });
  expect(runOptionsSchema.safeParse(options).success).toBe(true);
  expect(problemOf({ ...REQUEST, top_p: -0.1 })?.message).toBe("`top_p` must be at least 0.");
});
