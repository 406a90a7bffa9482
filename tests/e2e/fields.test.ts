/** What goes to the provider, from every door through a whole cluster: the provider keeps what it was sent. */
import { apiErrorSchema, chatCompletionSchema, type V2Down } from "@openclaw/protocol";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const SALT = "salt-that-nobody-may-read";

type Body = Readonly<Record<string, unknown>>;

let simulator: Simulator;
let cluster: Cluster;
let v2: V2Client;
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
  v2 = await V2Client.connect(cluster.url("fields"));
});

afterAll(async () => {
  v2?.close();
  await cluster?.stop();
  await simulator?.stop();
});

/** What came of a request. */
interface Outcome {
  /** What each provider was sent, in turn. */
  readonly sent: readonly { readonly profile: string; readonly body: Body }[];
  readonly error: { readonly param?: string | null; readonly message: string } | undefined;
}

type Send = (provider: string, prompt: string, fields: Body) => Promise<Outcome["error"]>;

const DOORS: Readonly<Record<string, Send>> = {
  "a chat completion": (model, content, fields) =>
    post("/v1/chat/completions", { model, messages: [user(content)], ...fields }),
  "a stream": (model, content, fields) =>
    post("/v1/chat/completions", { model, messages: [user(content)], stream: true, ...fields }),
  "a run over HTTP": (provider, message, fields) => run({ provider, message, ...fields }),
  "the options of a run": (provider, message, options) => run({ provider, message, options }),
  "protocol v2": runOnSocket,
};
const doors = Object.keys(DOORS);

const user = (content: string) => ({ role: "user", content });

async function ask(
  door: string,
  provider: string,
  fields: Body,
  sim: Parameters<typeof directive>[0] = {},
): Promise<Outcome> {
  asked += 1;
  const prompt = directive({ text: `Answer ${asked}.`, ...sim });
  const error = await DOORS[door]?.(provider, prompt, fields);
  const sent = received.filter(({ body }) => JSON.stringify(body).includes(`Answer ${asked}.`));
  return { sent, error };
}

async function post(path: string, body: Body): Promise<Outcome["error"]> {
  const response = await fetch(`http://${cluster.host}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  // Within a stream a failure is an event.
  const failed = response.ok ? /^data: (\{"error".*)$/m.exec(text)?.[1] : text;
  return failed === undefined ? undefined : apiErrorSchema.parse(JSON.parse(failed)).error;
}

async function run(body: Body): Promise<Outcome["error"]> {
  const response = await fetch(`http://${cluster.host}/v1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = JSON.parse(await response.text());
  if (response.status !== 202) return apiErrorSchema.parse(answer).error;
  return eventually("the run's end", async () => {
    const response = await fetch(`http://${cluster.host}/v1/runs/${answer.id}`);
    const report = JSON.parse(await response.text());
    if (report.state === "completed") return { ended: undefined };
    return report.state === "failed" ? { ended: report.error } : undefined;
  }).then(({ ended }) => ended);
}

async function runOnSocket(provider: string, message: string, options: Body) {
  const ref = `fields-${asked}`;
  v2.send({ type: "run", ref, provider, message, options });
  const accepted = await eventually("an answer", () => v2.frames.find((one) => isOf(one, ref)));
  if (accepted.type !== "accepted") return accepted.type === "error" ? accepted : undefined;
  const { run: id } = accepted;
  const end = await eventually("the end", () =>
    v2.frames.find((one) => "run" in one && one.run === id && isEnd(one)),
  );
  return end.type === "error" ? end : undefined;
}

const isOf = (frame: V2Down, ref: string) => "ref" in frame && frame.ref === ref;
const isEnd = ({ type }: V2Down) => type === "done" || type === "error" || type === "cancelled";

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

describe.each(doors)("of %s", (door) => {
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
    if (door !== "protocol v2") expect(error?.param).toMatch(/^(options\.)?top_k$/);
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
    if (door !== "protocol v2") expect(error?.param).toMatch(new RegExp(`^(options\\.)?${name}$`));
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
    const limit = doors.indexOf(door) < 2 ? { max_tokens: 9 } : { maxTokens: 9 };
    const options = door === "a run over HTTP" ? { options: limit } : limit;
    const { sent, error } = await ask(door, "newer", options, { unsupported: ["max_tokens"] });
    expect(error).toBeUndefined();
    expect(sent[0]?.body).toMatchObject({ max_completion_tokens: 9 });
  });
});

describe.each([false, true])("of a chat completion, streamed: %s", (stream) => {
  const chat = (model: string, more: Body) =>
    post("/v1/chat/completions", { model, stream, ...more });
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

test("a tool that the provider has itself reaches it, and no provider that has none", async () => {
  const tools = [
    { type: "web_search", web_search: { enable: true, search_engine: "search_std" } },
    { type: "function", function: { name: "f" } },
  ];
  const messages = [user(directive({ text: "Found." }))];
  expect(await post("/v1/chat/completions", { model: "zhipu", messages, tools })).toBeUndefined();
  expect(received.at(-1)?.body).toMatchObject({ tools });
  expect(await post("/v1/chat/completions", { model: "nvidia1", messages, tools })).toMatchObject({
    param: "tools",
    message: "`tools` has others than functions; nvidia1 takes only functions.",
  });
});

test("an answer's own message may be sent back as it is, to a provider that wants no thoughts", async () => {
  const messages = [user(directive({ text: "Yes.", reasoning: ["Is it?"] }))];
  const first = await fetch(`http://${cluster.host}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "local", messages }),
  });
  const [{ message }] = chatCompletionSchema.parse(await first.json()).choices;
  expect(message).toMatchObject({ reasoning_content: "Is it?", reasoning: "Is it?" });
  const unsupported = ["reasoning_content", "reasoning", "refusal"];
  const next = [...messages, message, user(directive({ text: "Again.", unsupported }))];
  expect(await post("/v1/chat/completions", { model: "local", messages: next })).toBeUndefined();
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
