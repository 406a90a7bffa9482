/** Rows about the forms in which an answer's parts come: each is told once, and none is lost. */
import { type Directive, directive } from "@openclaw/simulator";
import { describe, expect, test } from "vitest";
import { ask as askRaw, askStream } from "../../services/simulator/src/testing/wire.ts";
import type { ProviderEvent } from "../../services/worker/src/provider/contract/provider-event.ts";
import { policyOf } from "../../services/worker/src/provider/health/failure-policy.ts";
import { answerOf, ask, clientOf, KINDS, PROVIDERS, startSimulator } from "./asking.ts";

const PIECES = ["Hel", "lo ", "静夜"];
const TEXT = PIECES.join("");
const REASONING = ["hm, ", "so"];
const TOOLS = [{ type: "function" as const, function: { name: "now", parameters: {} } }];

/** The raw body that a provider sends. */
async function bodyOf(fields: Directive, profile = "openai"): Promise<string> {
  const simulator = await startSimulator();
  return (await askRaw({ simulator, profile, prompt: directive(fields) })).text();
}

const callsIn = (events: readonly ProviderEvent[]) =>
  events.flatMap((event) => (event.type === "tool_call" ? [event] : []));

test("quirk 41: a finish reason in each chunk ends the answer behind the last of them", async () => {
  const fields = { pieces: PIECES, finishKey: "each", gapMs: 5 } as const;
  const simulator = await startSimulator();
  const { chunks } = await askStream({ simulator, profile: "zhipu", prompt: directive(fields) });
  expect(chunks.every(({ choices: [choice] }) => choice?.finish_reason === "stop")).toBe(true);
  for (const provider of PROVIDERS) {
    const { text, finished } = await ask(await clientOf(simulator, provider), fields);
    expect([text, finished]).toMatchObject([TEXT, { finish: "stop", usage: {} }]);
    const cut = await ask(await clientOf(simulator, provider), { ...fields, resetAfter: 2 });
    expect([TEXT.startsWith(cut.text), cut.error?.code]).toEqual([true, "provider_cut"]);
  }
});

test("quirk 42: a whole answer behind its own deltas is told once", async () => {
  const fields: Directive = { pieces: PIECES, reasoning: REASONING, wholeLast: true };
  expect((await bodyOf(fields)).match(/"object":"chat.completion"/g)).toHaveLength(1);
  const simulator = await startSimulator();
  for (const provider of PROVIDERS) {
    const client = await clientOf(simulator, provider);
    const { text, reasoning, finished } = await ask(client, fields);
    expect([text, reasoning, finished?.finish]).toEqual([TEXT, "hm, so", "stop"]);
    const called: Directive = { ...fields, calls: [{ name: "now" }] };
    const { events } = await ask(client, called, { passed: { tools: TOOLS } });
    const given = callsIn(events).map((event) => event.arguments);
    expect([callsIn(events).filter(({ id }) => id).length, given.join("")]).toEqual([1, "{}"]);
  }
});

test("quirk 43: content in parts is text and thinking", async () => {
  const fields: Directive = {
    pieces: PIECES,
    reasoning: REASONING,
    contentAs: "parts",
    reasoningAs: "parts",
  };
  expect(await bodyOf(fields)).toContain('"content":[{"type":"thinking"');
  for (const provider of PROVIDERS) {
    const { text, reasoning, finished } = await answerOf(provider, fields);
    expect([text, reasoning, finished?.finish]).toEqual([TEXT, "hm, so", "stop"]);
  }
});

test("quirk 44: thinking in two fields at once is told once", async () => {
  const fields: Directive = { pieces: PIECES, reasoning: REASONING, reasoningAs: "both" };
  expect(await bodyOf(fields)).toMatch(/"reasoning_content":"so","reasoning":"so"/);
  for (const provider of PROVIDERS) {
    const { text, reasoning } = await answerOf(provider, fields);
    expect([text, reasoning]).toEqual([TEXT, "hm, so"]);
  }
});

test("quirk 45: usage in the choice is usage", async () => {
  const fields = { pieces: PIECES, usageIn: "choice" } as const;
  for (const provider of PROVIDERS) {
    const { finished } = await answerOf(provider, fields);
    expect(finished?.usage).toMatchObject({ outputTokens: PIECES.length });
  }
});

test.each(["repeated", "empty", "function_call"] as const)(
  "quirk 46: a call that comes %s is one call, whose arguments are JSON",
  async (callsAs) => {
    const simulator = await startSimulator();
    const given = callsAs === "empty" ? {} : { zone: "亚洲" };
    const fields: Directive = { calls: [{ name: "now", arguments: given }], callsAs };
    for (const provider of PROVIDERS) {
      const client = await clientOf(simulator, provider);
      const { events, finished } = await ask(client, fields, { passed: { tools: TOOLS } });
      const pieces = callsIn(events);
      expect(pieces.map(({ index }) => index)).toEqual(pieces.map(() => 0));
      expect(pieces.filter(({ name }) => name === "now")).toHaveLength(1);
      expect(JSON.parse(pieces.map((event) => event.arguments).join(""))).toEqual(given);
      expect(finished?.finish).toBe("tool_calls");
    }
  },
);

test("quirk 47: a refusal is an answer, marked as what it is, and no failure of the provider", async () => {
  const fields = { pieces: PIECES, contentAs: "refusal" } as const;
  expect(await bodyOf(fields)).toContain('"refusal":"Hel"');
  for (const provider of PROVIDERS) {
    const { events, finished, error } = await answerOf(provider, fields);
    const refused = PIECES.map((text) => ({ type: "text", text, isRefusal: true }));
    expect(events.slice(0, -1)).toEqual(refused);
    expect([finished?.finish, error]).toEqual(["stop", undefined]);
  }
});

test("quirk 48: an error with nothing in it is none", async () => {
  const fields = { pieces: PIECES, emptyError: true } as const;
  expect(await bodyOf(fields)).toContain('"error":{"message":""');
  for (const provider of PROVIDERS) {
    const { text, finished } = await answerOf(provider, fields);
    expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
  }
});

describe("quirk 49: a compressed answer is read as it comes", () => {
  test.each(["gzip", "deflate", "deflateRaw", "br"] as const)("%s", async (encoding) => {
    const simulator = await startSimulator();
    const client = await clientOf(simulator, "zhipu");
    for (const more of [{}, { rechunk: 3 }, { chunkBytes: 1 }]) {
      const fields = { pieces: PIECES, gapMs: 2, encoding, ...more };
      const { text, finished } = await ask(client, fields);
      expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
    }
    const cut = await ask(client, { pieces: PIECES, gapMs: 2, encoding, cutAfter: 2 });
    expect([TEXT.startsWith(cut.text), cut.error?.code]).toEqual([true, "provider_cut"]);
  });
});

test("quirk 50: [DONE] without a reason is an end only where a provider is known for it", async () => {
  const fields = { pieces: PIECES, finish: "" };
  for (const provider of PROVIDERS) {
    const { text, finished, error } = await answerOf(provider, fields);
    const wanted = KINDS[provider] === "nvidia" ? ["stop", undefined] : [undefined, "provider_cut"];
    expect([text, finished?.finish, error?.code]).toEqual([TEXT, ...wanted]);
    const open = await answerOf(provider, { ...fields, done: false });
    expect(open.error?.code).toBe("provider_cut");
  }
  expect(policyOf("provider_cut").elsewhere).toBe(true);
});

const TOO_LONG = "This model's maximum context length is 8192 tokens.";
test.each<readonly [string, unknown]>([
  ["a list", [{ error: { code: 400, message: TOO_LONG, status: "INVALID_ARGUMENT" } }]],
  ["a text", TOO_LONG],
  ["a detail", { detail: [{ loc: ["body"], msg: TOO_LONG, type: "value_error" }] }],
  ["a list of errors", { errors: [{ message: TOO_LONG }] }],
  ["a message at the top", { message: TOO_LONG, type: "invalid_request_error" }],
])("quirk 51: a refusal that is %s means what it says", async (_, body) => {
  for (const provider of PROVIDERS) {
    const fields = { status: 400, body: JSON.stringify(body) };
    const { error } = await answerOf(provider, fields);
    expect(error?.code).toBe("context_length_exceeded");
    expect(error?.message).not.toContain("8192");
  }
});
