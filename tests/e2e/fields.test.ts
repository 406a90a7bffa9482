/** What goes to the provider, from every door through a whole cluster: the provider keeps what it was sent. */
import { chatCompletionSchema } from "@openclaw/protocol";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Body, DOORS, type Door, Doors, type Refused } from "./doors.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const SALT = "salt-that-nobody-may-read";

let simulator: Simulator;
let cluster: Cluster;
let doors: Doors;
let asked = 0;
const received: { readonly profile: string; readonly body: Body }[] = [];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT), {
    onChat: (profile, body) => received.push({ profile, body: JSON.parse(body) }),
  });
  const { providers, ...gateway } = simulatedGateway(simulator.url);
  const { nvidia1, zhipu } = providers;
  const local = { ...zhipu, kind: "openai", baseUrl: `${simulator.url}/openai/v1` };
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    edges: 1,
    workers: 1,
    gateway: {
      ...gateway,
      providers: {
        ...providers,
        local,
        twin: { ...local, model: "another-model" },
        closed: { ...local, unknownFields: "refuse" },
        open: { ...zhipu, unknownFields: "pass" },
        salted: { ...local, extraBody: { cache_salt: SALT, top_k: 20, stream_options: null } },
        newer: { ...local, maxTokensName: "max_completion_tokens" },
        thoughtful: { ...local, wantsReasoning: true },
        covered: { ...nvidia1, fallback: ["zhipu"] },
        "well-covered": { ...nvidia1, fallback: ["zhipu", "twin", "local"] },
      },
      groups: { all: ["zhipu", "local"] },
    },
    // Attempts are to fail here, and the next test is to find the same providers.
    env: { WORKER_CIRCUIT_FAILURES: "1000" },
  });
  doors = await Doors.of(cluster);
});

afterAll(async () => {
  doors?.close();
  await cluster?.stop();
  await simulator?.stop();
});

/** What came of a request. */
interface Outcome {
  /** What each provider was sent, in turn. */
  readonly sent: typeof received;
  readonly error: Refused | undefined;
}

const user = (content: string) => ({ role: "user", content });
/** Frames have no `param`. */
const isHttp = (door: Door) => door !== "protocol v2" && door !== "the SDK";

async function ask(
  door: Door,
  provider: string,
  fields: Body,
  sim: Parameters<typeof directive>[0] = {},
): Promise<Outcome> {
  asked += 1;
  const text = `Answer ${asked}.`;
  const error = await doors.ask(door, provider, directive({ text, ...sim }), fields);
  return { sent: received.filter(({ body }) => JSON.stringify(body).includes(text)), error };
}

/** What people send to each, in the forms that its docs have. */
const OWN: Readonly<Record<string, Body>> = {
  nvidia1: {
    top_k: 40,
    min_p: 0.05,
    repetition_penalty: 1.1,
    ignore_eos: true,
    chat_template_kwargs: { enable_thinking: false },
    reasoning_budget: 1_024,
    nvext: { guided_choice: ["yes", "no"] },
    guided_regex: "[a-z]+",
    stop_token_ids: [1, 2],
    logit_bias: { "50256": -100 },
    seed: 7,
  },
  zhipu: { thinking: { type: "enabled", clear_thinking: false }, do_sample: false },
  hunyuan: {
    thinking: { type: "enabled", budget_tokens: 100 },
    enable_thinking: true,
    enable_enhancement: true,
    reasoning_effort: "low",
  },
  local: {
    enable_thinking: false,
    thinking_budget: 100,
    guided_json: { type: "object", properties: { a: { const: null } } },
    top_k: 0,
    something_new: { a: [1, { b: null }] },
    constructor: "a name like any other",
  },
};

/** Breaks off behind its first piece, which no second try of the same provider would mend. */
const fault = { endAfter: 1, faultOn: ["nvidia1"] };

describe.each(DOORS)("of %s", (door) => {
  test.each(Object.keys(OWN))("the fields that %s knows reach it as they are", async (provider) => {
    const fields = OWN[provider] ?? {};
    const { sent, error } = await ask(door, provider, fields);
    expect(error).toBeUndefined();
    expect(sent).toEqual([{ profile: expect.any(String), body: expect.objectContaining(fields) }]);
  });

  test("a field that the provider does not know is refused by its name, or passed if so configured", async () => {
    const { error, sent } = await ask(door, "zhipu", { top_k: 40 });
    expect(sent).toEqual([]);
    expect(error?.message).toMatch(
      /`(options\.)?top_k` was given; zhipu is not known to take it\.$/,
    );
    if (isHttp(door)) expect(error?.param).toMatch(/^(options\.)?top_k$/);
    expect((await ask(door, "closed", { something_new: 1 })).error?.message).toMatch(
      /something_new/,
    );
    const passed = await ask(door, "open", { top_k: 40, something_new: 1 });
    expect(passed.sent[0]?.body).toMatchObject({ top_k: 40, something_new: 1 });
  });

  test.each([
    "chat_template",
    "kv_transfer_params",
    "best_of",
    "api_base",
    "custom_logit_processor",
  ])("%s is refused, whoever is asked", async (name) => {
    const { error, sent } = await ask(door, "open", { [name]: "x" });
    expect(sent).toEqual([]);
    expect(error?.message).toContain(name);
    if (isHttp(door)) expect(error?.param).toMatch(new RegExp(`^(options\\.)?${name}$`));
  });

  test("a priority and a name for the request are nobody's business", async () => {
    const { sent, error } = await ask(door, "open", {
      priority: -5,
      request_id: "r",
      service_tier: "x",
    });
    expect(error).toBeUndefined();
    for (const name of ["priority", "request_id", "service_tier"]) {
      expect(sent[0]?.body).not.toHaveProperty(name);
    }
  });

  test("a fallback is asked without a sampling field that it does not know", async () => {
    const fields = { top_k: 40, seed: 7, chat_template_kwargs: { enable_thinking: false } };
    const { sent, error } = await ask(door, "covered", fields, fault);
    expect(error).toBeUndefined();
    expect(sent.map(({ profile }) => profile)).toEqual(["nvidia1", "zhipu"]);
    expect(sent[0]?.body).toMatchObject(fields);
    for (const name of Object.keys(fields)) expect(sent[1]?.body).not.toHaveProperty(name);
  });

  test("a fallback is not asked where a field shapes the answer that it does not know", async () => {
    const fields = { guided_choice: ["yes", "no"] };
    const alone = await ask(door, "covered", fields, fault);
    expect(alone.error).toBeDefined();
    expect(new Set(alone.sent.map(({ profile }) => profile))).toEqual(new Set(["nvidia1"]));
    const { sent } = await ask(door, "well-covered", fields, fault);
    expect(sent.at(-1)).toMatchObject({ profile: "openai", body: fields });
    expect(sent.map(({ profile }) => profile)).not.toContain("zhipu");
  });

  test("words of one model's vocabulary are for no other model", async () => {
    const { sent } = await ask(door, "well-covered", { logit_bias: { "1": 5 } }, fault);
    expect(sent.at(-1)?.body).toMatchObject({ model: "test-model", logit_bias: { "1": 5 } });
    expect(sent.map(({ body }) => body.model)).not.toContain("another-model");
  });

  test("of a group a member answers that knows the field", async () => {
    const { sent } = await ask(door, "all", { min_p: 0.1 });
    expect(sent).toMatchObject([{ profile: "openai", body: { min_p: 0.1 } }]);
  });

  test("the operator's fields are in every request, unless the client has them", async () => {
    const { sent } = await ask(door, "salted", {});
    expect(sent[0]?.body).toMatchObject({ cache_salt: SALT, top_k: 20 });
    expect(sent[0]?.body).not.toHaveProperty("stream_options");
    expect((await ask(door, "salted", { top_k: 1 })).sent[0]?.body).toMatchObject({
      cache_salt: SALT,
      top_k: 1,
    });
  });

  test("the limit has the name that its provider is configured to want", async () => {
    const limit = DOORS.indexOf(door) < 2 ? { max_tokens: 9 } : { maxTokens: 9 };
    const options = door === "a run over HTTP" ? { options: limit } : limit;
    const { sent, error } = await ask(door, "newer", options, { unsupported: ["max_tokens"] });
    expect(error).toBeUndefined();
    expect(sent[0]?.body).toMatchObject({ max_completion_tokens: 9 });
  });
});

describe.each([false, true])("of a chat completion, streamed: %s", (stream) => {
  const chat = (model: string, more: Body) => doors.chat({ model, stream, ...more });
  const question = (unsupported: string[]) => [user(directive({ text: "Yes.", unsupported }))];

  test("the limit keeps the name that the client gave it", async () => {
    const messages = question(["max_tokens"]);
    expect(await chat("local", { messages, max_completion_tokens: 9 })).toBeUndefined();
    expect(received.at(-1)?.body).toMatchObject({ max_completion_tokens: 9 });
    expect(await chat("local", { messages: question([]), max_tokens: 9 })).toBeUndefined();
    expect(received.at(-1)?.body).toMatchObject({ max_tokens: 9 });
    expect(received.at(-1)?.body).not.toHaveProperty("max_completion_tokens");
    expect(
      await chat("zhipu", { messages: question([]), max_completion_tokens: 9 }),
    ).toBeUndefined();
    expect(received.at(-1)?.body).toMatchObject({ max_tokens: 9 });
  });

  const said = [user("Hello"), { role: "assistant", content: "Hi", reasoning: "Hm." }];

  test("a history goes without its thoughts to a provider that may refuse them", async () => {
    const messages = [...said, ...question(["reasoning_content", "reasoning"])];
    expect(await chat("local", { messages })).toBeUndefined();
    expect(await chat("nvidia1", { messages })).toBeUndefined();
  });

  test.each(["hunyuan", "zhipu", "thoughtful"])(
    "and with them to %s, which wants them",
    async (to) => {
      expect(await chat(to, { messages: [...said, ...question([])] })).toBeUndefined();
      const thought = { role: "assistant", content: "Hi", reasoning_content: "Hm." };
      expect(received.at(-1)?.body.messages).toContainEqual(thought);
    },
  );

  test("null at any level is as if it were not there", async () => {
    const fn = { name: "f", description: null, parameters: null, strict: null };
    const tools = [{ type: "function", function: fn }];
    const messages = question([]);
    expect(
      await chat("local", { messages, tools, chat_template: null, top_k: null }),
    ).toBeUndefined();
    expect(received.at(-1)?.body).toMatchObject({
      tools: [{ type: "function", function: { name: "f" } }],
    });
    for (const name of ["chat_template", "top_k"]) {
      expect(received.at(-1)?.body).not.toHaveProperty(name);
    }
  });
});

test("a history over /v1/runs has its thoughts under either name", async () => {
  const messages = [
    user("Hello"),
    { role: "assistant", content: "Hi", reasoning: "Hm." },
    user(directive({ text: "Yes." })),
  ];
  expect(await doors.run({ provider: "hunyuan", messages })).toBeUndefined();
  const thought = { role: "assistant", content: "Hi", reasoning_content: "Hm." };
  expect(received.at(-1)?.body.messages).toContainEqual(thought);
  expect(await doors.run({ provider: "local", messages })).toBeUndefined();
  expect(received.at(-1)?.body.messages).toContainEqual({ role: "assistant", content: "Hi" });
});

test("a tool that a provider has itself reaches it where its operator says so, and else nobody", async () => {
  const tools = [
    { type: "web_search", web_search: { enable: true, search_engine: "search_std" } },
    { type: "function", function: { name: "f" } },
  ];
  const messages = [user(directive({ text: "Found." }))];
  expect(await doors.chat({ model: "open", messages, tools })).toBeUndefined();
  expect(received.at(-1)?.body).toMatchObject({ tools });
  const before = received.length;
  for (const provider of ["zhipu", "local", "nvidia1", "hunyuan"]) {
    const why =
      "takes only functions from clients, as others may cost money or reach other services";
    const message = `\`tools\` has others than functions; ${provider} ${why}.`;
    const refused = { param: "tools", message };
    expect(await doors.chat({ model: provider, messages, tools })).toMatchObject(refused);
    expect(await doors.run({ provider, messages, tools })).toMatchObject({ message });
  }
  expect(received).toHaveLength(before);
});

test("an answer's own message may be sent back as it is, to a provider that wants no thoughts", async () => {
  const messages = [user(directive({ text: "Yes.", reasoning: ["Is it?"] }))];
  const first = await fetch(`http://${cluster.host}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "local", messages }),
  });
  const [{ message }] = chatCompletionSchema.parse(await first.json()).choices;
  expect(message).toMatchObject({ reasoning_content: "Is it?", reasoning: "Is it?" });
  const unsupported = ["reasoning_content", "reasoning", "refusal"];
  const next = [...messages, message, user(directive({ text: "Again.", unsupported }))];
  expect(await doors.chat({ model: "local", messages: next })).toBeUndefined();
});

test("no field and no secret of one is in any log", async () => {
  await ask("a chat completion", "salted", { top_k: "field-that-nobody-may-read" });
  await ask("a chat completion", "zhipu", { something_new: "field-that-nobody-may-read" });
  const logs = [...cluster.processes("edge"), ...cluster.processes("worker")].flatMap(
    (process) => process.logs,
  );
  expect(logs.length).toBeGreaterThan(0);
  expect(JSON.stringify(logs)).not.toMatch(/that-nobody-may-read/);
});
