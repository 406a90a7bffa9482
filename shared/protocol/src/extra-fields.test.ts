import { describe, expect, test } from "vitest";
import { chatCompletionRequestSchema, parametersOfChat } from "./chat-completions.ts";
import { EXTRA_LIMITS, IGNORED_FIELDS, REFUSED_FIELDS } from "./extra-fields.ts";
import { requestProblem } from "./request-problem.ts";
import { askedOptionsSchema, parametersOf } from "./run-parameters.ts";
import { parametersOfRun, runRequestSchema } from "./runs.ts";

const CHAT = { model: "m", messages: [{ role: "user", content: "x" }] };
const RUN = { message: "x" };

/** Fields that people send, in the forms they have. */
const USUAL = {
  thinking: { type: "enabled", budget_tokens: 100 },
  enable_thinking: false,
  chat_template_kwargs: { enable_thinking: false },
  top_k: 40,
  min_p: 0,
  ignore_eos: true,
  guided_json: { type: "object", properties: { a: { const: null } } },
  nvext: { guided_choice: ["a", "b"] },
  stop_token_ids: [1, 2],
  "x.y-z_1": "text",
};

function chatProblem(fields: object) {
  const parsed = chatCompletionRequestSchema.safeParse({ ...CHAT, ...fields });
  return parsed.success ? undefined : requestProblem(parsed.error.issues);
}

function runProblem(fields: object) {
  const parsed = runRequestSchema.safeParse({ ...RUN, ...fields });
  return parsed.success ? undefined : requestProblem(parsed.error.issues);
}

describe("fields of providers are handed on as they came", () => {
  test("by every door", () => {
    expect(
      parametersOfChat(chatCompletionRequestSchema.parse({ ...CHAT, ...USUAL })).extra,
    ).toEqual(USUAL);
    expect(parametersOfRun(runRequestSchema.parse({ ...RUN, ...USUAL })).extra).toEqual(USUAL);
    expect(parametersOfRun(runRequestSchema.parse({ ...RUN, options: USUAL })).extra).toEqual(
      USUAL,
    );
    expect(parametersOf(askedOptionsSchema.parse(USUAL)).extra).toEqual(USUAL);
  });

  test("but for empty ones, and those that change no answer", () => {
    const ignored = Object.fromEntries(IGNORED_FIELDS.map((name) => [name, "x"]));
    const inCapitals = { Store: true, METADATA: { a: "x" } };
    const empty = { top_k: null, stop_token_ids: [], chat_template_kwargs: {} };
    const nothing = { ...empty, ...ignored, ...inCapitals };
    expect(parametersOfChat(chatCompletionRequestSchema.parse({ ...CHAT, ...nothing }))).toEqual({
      options: {},
    });
    expect(parametersOf(askedOptionsSchema.parse(nothing))).toEqual({ options: {} });
  });

  test("a field beside the options of a run counts before the same one in them", () => {
    const options = { top_k: 1, min_p: 0.1, seed: 1, maxTokens: 5 };
    const run = runRequestSchema.parse({ ...RUN, options, top_k: 2, seed: 2 });
    expect(parametersOfRun(run)).toEqual({
      options: { maxTokens: 5 },
      passed: { seed: 2 },
      extra: { top_k: 2, min_p: 0.1 },
    });
  });
});

describe("a field that no request may have is refused by its name", () => {
  const typed = ["model", "messages", "stream", "stream_options", "n", "logprobs", "top_logprobs"];
  const names = REFUSED_FIELDS.flatMap((refused) => refused.names);

  test.each(names.filter((name) => !typed.includes(name)))("%s", (name) => {
    expect(chatProblem({ [name]: "x" })).toMatchObject({ param: name });
  });

  test.each(names)("%s in the options of a run", (name) => {
    expect(runProblem({ options: { [name]: "x" } })).toMatchObject({ param: `options.${name}` });
  });

  test.each(["N", "Model", "Stream", "API_KEY", "Chat_Template"])("%s, in capitals", (name) => {
    expect(chatProblem({ [name]: "x" })).toMatchObject({ param: name });
    expect(runProblem({ options: { [name]: "x" } })).toMatchObject({ param: `options.${name}` });
  });

  test.each([
    ...["user_config", "litellm_credential_name", "context_window_fallbacks", "fallback_models"],
    ...[
      "fallbacks",
      "mock_response",
      "provider",
      "plugins",
      "mcp_servers",
      "webhook",
      "lora",
      "lora_request",
    ],
    ...["n_cmpl", "num_return_sequences", "id_slot", "vllm_xargs", "custom_params", "cache_salt"],
  ])("%s, which a server behind the gateway heeds", (name) => {
    expect(chatProblem({ [name]: "x" })).toMatchObject({ param: name });
  });

  test.each([
    ...["chat_template", "tokenize", "conversation", "tools", "documents", "return_dict"],
    ...["add_generation_prompt", "continue_final_message", "Chat_Template"],
  ])("%s inside `chat_template_kwargs`", (name) => {
    const fields = { chat_template_kwargs: { enable_thinking: false, [name]: "x" } };
    const place = `chat_template_kwargs.${name}`;
    expect(chatProblem(fields)).toMatchObject({ param: place });
    expect(chatProblem(fields)?.message).toContain(place);
    expect(runProblem(fields)).toMatchObject({ param: place });
    expect(runProblem({ options: fields })).toMatchObject({ param: `options.${place}` });
  });

  test.each<readonly [string, object]>([
    ["model", { model: "other" }],
    ["chat_template", { guided_choice: ["a"], chat_template: "x" }],
    ["priority", { priority: 1 }],
    ["Priority", { Priority: 1 }],
    ["api_base", { routing: [{ api_base: "x" }] }],
    ["strict_priority", { agent_hints: { osl: 10, strict_priority: 1 } }],
    ["priority", { agent_hints: { priority: 5 } }],
    ["use_raw_prompt", { use_raw_prompt: true }],
    ["backend_instance_id", { backend_instance_id: 1 }],
  ])("%s inside `nvext`: %j", (name, nvext) => {
    const param = expect.stringMatching(new RegExp(`^nvext\\..*${name}$|^nvext\\.${name}$`));
    expect(chatProblem({ nvext })).toMatchObject({ param });
    expect(chatProblem({ NvExt: nvext })).not.toBeUndefined();
    expect(runProblem({ options: { nvext } })).not.toBeUndefined();
  });

  test("but a schema inside `nvext` has whatever names it likes", () => {
    const guided_json = { type: "object", properties: { model: {}, priority: {}, n: {} } };
    expect(chatProblem({ nvext: { guided_json, annotations: ["x"] } })).toBeUndefined();
  });

  test.each([
    ["temperature", "belongs in `options`"],
    ["max_tokens", "is called `options.maxTokens` here"],
  ])("%s beside the options of a run", (name, words) => {
    expect(runProblem({ [name]: 1 })).toEqual({ param: name, message: `\`${name}\` ${words}.` });
  });

  test.each(["", "a b", "1a", "ä", "x".repeat(EXTRA_LIMITS.nameLength + 1), "a\nb"])(
    "a name that no field has: %j",
    (name) =>
      expect(chatProblem({ [name]: 1 })?.message).toMatch(/not a name that a field can have/),
  );
});

describe("bounds", () => {
  const nested = (levels: number): unknown =>
    Array.from({ length: levels }).reduce<unknown>((inner) => ({ inner }), 1);
  const deep = JSON.parse(`${"[".repeat(100_000)}1${"]".repeat(100_000)}`);

  test("of depth hold for extra fields, tools and formats", () => {
    expect(chatProblem({ guided_json: nested(EXTRA_LIMITS.depth) })).toBeUndefined();
    const param = "guided_json";
    expect(chatProblem({ guided_json: nested(EXTRA_LIMITS.depth + 1) })).toMatchObject({ param });
    expect(chatProblem({ guided_json: deep })).toMatchObject({ param });
    const tools = [{ type: "function", function: { name: "f", parameters: { deep } } }];
    expect(chatProblem({ tools })).toMatchObject({ param: "tools" });
    const format = { type: "json_schema", json_schema: { name: "s", schema: { deep } } };
    expect(chatProblem({ response_format: format })).toMatchObject({ param: "response_format" });
  });

  test("of bytes hold for all extra fields together, and name the longest", () => {
    const half = "x".repeat(EXTRA_LIMITS.bytes / 2);
    expect(chatProblem({ regex: half })).toBeUndefined();
    const problem = chatProblem({ regex: half, grammar: `${half}x`, top_k: 1 });
    expect(problem).toMatchObject({ param: "grammar" });
    expect(problem?.message).toContain(`${EXTRA_LIMITS.bytes} are accepted`);
    expect(problem?.message).not.toContain("xx");
  });

  test("of their number hold", () => {
    const some = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 1]));
    expect(chatProblem(some(EXTRA_LIMITS.fields))).toBeUndefined();
    expect(chatProblem(some(EXTRA_LIMITS.fields + 1))).toMatchObject({
      param: `f${EXTRA_LIMITS.fields}`,
    });
  });
});

describe("a key `__proto__`", () => {
  test("reaches nobody's prototype", () => {
    const request = JSON.parse(
      `{"model":"m","messages":[{"role":"user","content":"x"}],"__proto__":{"top_k":1},"min_p":1}`,
    );
    const { extra = {} } = parametersOfChat(chatCompletionRequestSchema.parse(request));
    expect(Object.keys(extra)).toEqual(["min_p"]);
    expect(extra.top_k).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty("top_k");
  });

  test("is refused inside a field", () => {
    const guided_json = JSON.parse('{"properties":{"__proto__":{"type":"string"}}}');
    expect(chatProblem({ guided_json })?.message).toBe("`guided_json` has a key `__proto__`.");
  });
});
