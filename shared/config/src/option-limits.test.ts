import { describe, expect, test } from "vitest";
import type { ProviderKind } from "./gateway-config.ts";
import {
  type Asked,
  optionProblem,
  type RequestParameters,
  standInProblem,
} from "./option-limits.ts";

const tools = [{ type: "function" }];
const ALL: readonly ProviderKind[] = ["openai", "nvidia", "zhipu", "tencent"];

function asked(kind: ProviderKind, config: Partial<Asked["config"]> = {}): Asked {
  const baseUrl = "http://127.0.0.1:9/v1";
  return { name: kind, config: { kind, baseUrl, model: "m", ...config } };
}
const openaiItself = asked("openai", { baseUrl: "https://api.openai.com/v1" });

test.each<readonly [string, RequestParameters, readonly ProviderKind[]]>([
  ["two stop sequences", { options: { stop: ["a", "b"] } }, ["zhipu"]],
  ["a call that is demanded", { passed: { tools, tool_choice: "required" } }, ["zhipu"]],
  ["a tool that is demanded", { passed: { tools, tool_choice: { type: "function" } } }, ["zhipu"]],
  ["one call at a time", { passed: { tools, parallel_tool_calls: false } }, ["zhipu"]],
  ["a schema", { passed: { response_format: { type: "json_schema" } } }, ["zhipu"]],
  ["a seed, though it is 0", { passed: { seed: 0 } }, ["zhipu"]],
  ["a presence penalty", { passed: { presence_penalty: -1 } }, ["zhipu", "tencent"]],
  ["a frequency penalty", { passed: { frequency_penalty: 0.5 } }, ["zhipu", "tencent"]],
])("%s cannot be had of everybody", (_, parameters, kinds) => {
  const unable = ALL.filter((kind) => optionProblem(asked(kind), parameters) !== undefined);
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
    expect(optionProblem(asked(kind), { options, passed })).toBeUndefined();
    expect(optionProblem(asked(kind), { passed: { tools, tool_choice: "none" } })).toBe(undefined);
    expect(optionProblem(asked(kind), {})).toBeUndefined();
  }
});

test.each<readonly [RequestParameters, string, string]>([
  [
    { passed: { response_format: { type: "json_schema" } } },
    "response_format",
    "has a schema; glm knows only `json_object`.",
  ],
  [{ options: { stop: ["a", "b"] } }, "stop", "has 2 sequences; glm takes 1."],
  [
    { passed: { frequency_penalty: 1 } },
    "frequency_penalty",
    "was given; glm is not known to take it.",
  ],
])("%j: the field, and what of it the provider does not take", (parameters, field, reason) => {
  expect(optionProblem({ ...asked("zhipu"), name: "glm" }, parameters)).toEqual({ field, reason });
});

describe("a tool of the provider's own", () => {
  const OWN = [
    "web_search",
    "retrieval",
    "mcp",
    "code_interpreter",
    "builtin_function",
    "Function",
  ];
  const wishing = (type: string) => ({ passed: { tools: [...tools, { type }] } });

  test.each(OWN)("%s, which may cost money or reach out, is the operator's to allow", (type) => {
    for (const one of [...ALL.map((kind) => asked(kind)), openaiItself]) {
      expect(optionProblem(one, wishing(type)), one.name).toEqual({
        field: "tools",
        reason: `has others than functions; ${one.name} takes only functions from clients, as others may cost money or reach other services.`,
      });
      const picky = { ...one, config: { ...one.config, unknownFields: "refuse" } } as const;
      expect(optionProblem(picky, wishing(type))).toMatchObject({ field: "tools" });
      const open = { ...one, config: { ...one.config, unknownFields: "pass" } } as const;
      expect(optionProblem(open, wishing(type))).toBeUndefined();
    }
  });

  test.each(OWN)("%s does not reach a fallback whose operator has not allowed it", (type) => {
    const first = asked("zhipu", { unknownFields: "pass" });
    for (const kind of ALL) {
      const problem = standInProblem(asked(kind), wishing(type), first);
      expect(problem, kind).toMatchObject({ field: "tools" });
      const open = asked(kind, { unknownFields: "pass" });
      expect(standInProblem(open, wishing(type), first)).toBeUndefined();
    }
  });
});

const TOP_K = { extra: { top_k: 40 } };
const GUIDED = { extra: { guided_json: { type: "object" } } };

test.each<readonly [string, RequestParameters, readonly ProviderKind[]]>([
  ["top_k", TOP_K, ["zhipu", "tencent"]],
  ["a guide", GUIDED, ["zhipu", "tencent"]],
  ["a switch of thinking", { extra: { thinking: { type: "disabled" } } }, ["nvidia"]],
  ["do_sample", { extra: { do_sample: false } }, ["nvidia", "tencent"]],
  ["a field that nobody documents", { extra: { foo: 1 } }, ["nvidia", "zhipu", "tencent"]],
  ["a name that objects have", { extra: { constructor: 1 } }, ["nvidia", "zhipu", "tencent"]],
])("%s is refused by kinds that do not list it", (_, parameters, kinds) => {
  const unable = ALL.filter((kind) => optionProblem(asked(kind), parameters) !== undefined);
  expect(unable).toEqual(kinds);
  for (const kind of ALL) {
    expect(optionProblem(asked(kind, { unknownFields: "pass" }), parameters)).toBeUndefined();
  }
});

test("OpenAI's own host is known to know less than servers of its kind", () => {
  expect(optionProblem(openaiItself, TOP_K)).toMatchObject({ field: "top_k" });
  expect(optionProblem(openaiItself, { extra: { verbosity: "low" } })).toBeUndefined();
  const picky = asked("openai", { unknownFields: "refuse" });
  expect(optionProblem(picky, TOP_K)).toBeUndefined();
  expect(optionProblem(picky, { extra: { foo: 1 } })).toMatchObject({ field: "foo" });
});

describe("a provider that stands in for another", () => {
  const first = asked("openai");
  const may = (parameters: RequestParameters, standIn: Asked) =>
    standInProblem(standIn, parameters, first) === undefined;

  test("answers without fields that only say how words are chosen, or how long to think", () => {
    const extra = { top_k: 40, min_p: 0.1, enable_thinking: false, chat_template_kwargs: { a: 1 } };
    const passed = { seed: 7, presence_penalty: 1 };
    for (const kind of ALL) expect(may({ extra, passed }, asked(kind))).toBe(true);
    expect(may({ extra, passed }, openaiItself)).toBe(true);
  });

  test("does not answer without a field that shapes the answer, nor without an unknown one", () => {
    expect(ALL.filter((kind) => may(GUIDED, asked(kind)))).toEqual(["openai", "nvidia"]);
    expect(ALL.filter((kind) => may({ extra: { foo: 1 } }, asked(kind)))).toEqual(["openai"]);
    expect(may({ options: { stop: ["a", "b"] } }, asked("zhipu"))).toBe(false);
    expect(may(GUIDED, asked("zhipu", { unknownFields: "pass" }))).toBe(true);
    // Known to be another kind's.
    const foreign = { extra: { search_info: true } };
    expect(ALL.filter((kind) => may(foreign, asked(kind)))).toEqual(["tencent"]);
    expect(may(foreign, asked("openai", { unknownFields: "pass" }))).toBe(true);
    expect(optionProblem(asked("openai"), foreign)).toBeUndefined();
  });

  test("serves the same model where the words of its vocabulary are named", () => {
    const extra = { logit_bias: { "50256": -100 } };
    expect(may({ extra }, asked("nvidia"))).toBe(true);
    expect(may({ extra }, asked("nvidia", { model: "another" }))).toBe(false);
    expect(may({ extra }, asked("zhipu"))).toBe(false);
  });
});
