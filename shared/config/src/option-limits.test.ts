import { expect, test } from "vitest";
import type { ProviderKind } from "./gateway-config.ts";
import { optionProblem, type Wishes } from "./option-limits.ts";

const tools = [{}];
const ALL: readonly ProviderKind[] = ["openai", "nvidia", "zhipu", "tencent"];

test.each<readonly [string, Wishes, readonly ProviderKind[]]>([
  ["two stop sequences", { options: { stop: ["a", "b"] } }, ["zhipu"]],
  ["a call that is demanded", { passed: { tools, tool_choice: "required" } }, ["zhipu"]],
  ["a tool that is demanded", { passed: { tools, tool_choice: { type: "function" } } }, ["zhipu"]],
  ["one call at a time", { passed: { tools, parallel_tool_calls: false } }, ["zhipu"]],
  ["a schema", { passed: { response_format: { type: "json_schema" } } }, ["zhipu"]],
  ["a seed, though it is 0", { passed: { seed: 0 } }, ["zhipu"]],
  ["a presence penalty", { passed: { presence_penalty: -1 } }, ["zhipu", "tencent"]],
  ["a frequency penalty", { passed: { frequency_penalty: 0.5 } }, ["zhipu", "tencent"]],
])("%s cannot be had of everybody", (_, wishes, kinds) => {
  const unable = ALL.filter((kind) => optionProblem("mine", { kind }, wishes) !== undefined);
  expect(unable).toEqual(expect.arrayContaining([...kinds]));
  expect(unable).toHaveLength(kinds.length);
});

test("what is a default, or heeded in another way, is no problem for anybody", () => {
  const options = { stop: ["a"] };
  const passed = {
    tools,
    tool_choice: "auto",
    parallel_tool_calls: true,
    response_format: { type: "json_object" },
    presence_penalty: 0,
    frequency_penalty: 0,
  };
  for (const kind of ALL) {
    expect(optionProblem("mine", { kind }, { options, passed })).toBeUndefined();
    expect(optionProblem("mine", { kind }, { passed: { tools, tool_choice: "none" } })).toBe(
      undefined,
    );
    expect(optionProblem("mine", { kind }, {})).toBeUndefined();
  }
});

test.each<readonly [Wishes, string, string]>([
  [
    { passed: { response_format: { type: "json_schema" } } },
    "response_format",
    "has a schema; glm knows only `json_object`.",
  ],
  [{ options: { stop: ["a", "b"] } }, "options.stop", "has 2 sequences; glm takes 1."],
  [{ passed: { frequency_penalty: 1 } }, "frequency_penalty", "was given; glm does not know it."],
])("%j: the field, and what of it the provider does not take", (wishes, field, reason) => {
  expect(optionProblem("glm", { kind: "zhipu" }, wishes)).toEqual({ field, reason });
});
