/** Rows about what a request says. */

import { mayBeLeftOut, REQUEST_FIELDS, takesField } from "@openclaw/config";
import type { ConversationMessage, PassedFields } from "@openclaw/protocol";
import { directive } from "@openclaw/simulator";
import { describe, expect, test } from "vitest";
import { ask as askRaw } from "../../services/simulator/src/testing/wire.ts";
import { policyOf } from "../../services/worker/src/provider/health/failure-policy.ts";
import { ask, clientOf, PROVIDERS, startSimulator } from "./asking.ts";

const strict = { text: "Hi", strict: true } as const;

describe("quirk 34: a field that a provider does not document is refused, and never sent", () => {
  const options = { temperature: 1.5, topP: 1, maxTokens: 7, stop: ["END"] };
  const everywhere: PassedFields = {
    tools: [{ type: "function", function: { name: "f" } }],
    tool_choice: "auto",
    user: "user-1",
    // What is so anyway.
    parallel_tool_calls: true,
    presence_penalty: 0,
    frequency_penalty: 0,
  };
  /** Of NVIDIA's models only some know these, so that they are sent, and refused by the others. */
  const elsewhere: PassedFields = {
    response_format: { type: "json_object" },
    reasoning_effort: "low",
  };

  test.each([
    ...PROVIDERS.map((provider) => [provider, "m"] as const),
    ["zhipu", "glm-4.7-flash"],
    ["zhipu", "glm-5.3"],
    ["hunyuan", "hy3"],
  ] as const)("%s takes all that is sent for model %s", async (provider, model) => {
    const client = await clientOf(await startSimulator(), provider, { model });
    const passed = { ...everywhere, ...(provider !== "nvidia1" && elsewhere) };
    expect((await ask(client, strict, { options, passed })).text).toBe("Hi");
  });

  test.each(PROVIDERS)(
    "%s takes what it is sent of all fields that are known",
    async (provider) => {
      const client = await clientOf(await startSimulator(), provider, { unknownFields: "refuse" });
      const names = Object.keys(REQUEST_FIELDS).filter(mayBeLeftOut);
      const extra = Object.fromEntries(names.map((name) => [name, 1]));
      expect((await ask(client, strict, { extra })).text).toBe("Hi");
      const { text } = await ask(client, { echo: true }, { extra });
      const sent = names.filter((name) => Object.hasOwn(JSON.parse(text), name));
      expect(sent).toEqual(names.filter((name) => takesField(client.config, name)));
      expect(sent.length).toBeGreaterThan(0);
    },
  );

  test("NVIDIA names the field, and the request is refused for good", async () => {
    const simulator = await startSimulator();
    const extra = { stream_options: { include_usage: true } };
    const prompt = directive(strict);
    const response = await askRaw({ simulator, profile: "nvidia1", prompt, extra });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("`stream_options`"),
    ]);
    // As a client of another kind would ask.
    const client = await clientOf(simulator, "nvidia1", { kind: "openai" });
    const { error } = await ask(client, strict);
    expect([error?.code, policyOf("provider_rejected").elsewhere]).toEqual([
      "provider_rejected",
      false,
    ]);
    expect(error?.message).not.toContain("stream_options");
  });
});

describe("quirk 35: lists of texts, which templates drop without a word", () => {
  const list = (...texts: readonly string[]) =>
    texts.map((text) => ({ type: "text" as const, text }));
  const call = { id: "c", type: "function" as const, function: { name: "f", arguments: "{}" } };
  type Said = (...texts: readonly string[]) => string | ReturnType<typeof list>;
  const history = (said: Said): ConversationMessage[] => [
    { role: "system", content: said("Be brief.") },
    { role: "user", content: said("静夜", "?") },
    { role: "assistant", content: said("Let", "me see."), tool_calls: [call] },
    { role: "tool", content: said("21", "°C"), tool_call_id: "c" },
  ];

  test.each(PROVIDERS)("go out to %s as strings, unless it documents lists", async (provider) => {
    const client = await clientOf(await startSimulator(), provider);
    const { text } = await ask(client, { echo: true }, { history: history(list) });
    const { messages } = JSON.parse(text);
    const lines = (...texts: readonly string[]) => texts.join("\n");
    expect(messages.slice(0, -1)).toEqual(history(provider === "openai" ? list : lines));
  });
});

describe("quirk 34: what one provider wants, another refuses", () => {
  const history: ConversationMessage[] = [
    { role: "user", content: "x" },
    { role: "assistant", content: "y", reasoning_content: "Hm." },
  ];
  const unsupported = ["reasoning_content", "max_tokens"];
  const options = { maxTokens: 7 };

  test("a history with thoughts, and the older name of a limit", async () => {
    const client = await clientOf(await startSimulator(), "openai");
    const limitName = "max_completion_tokens";
    const answer = await ask(client, { text: "Hi", unsupported }, { history, options, limitName });
    expect(answer.text).toBe("Hi");
  });

  test("and is configured to want it", async () => {
    const settings = { wantsReasoning: true, maxTokensName: "max_completion_tokens" };
    const client = await clientOf(await startSimulator(), "openai", settings);
    const { text } = await ask(client, { echo: true }, { history, options });
    const { messages, ...body } = JSON.parse(text);
    expect(messages[1]).toEqual(history[1]);
    expect(body).toMatchObject({ max_completion_tokens: 7 });
    const refused = await ask(client, { text: "Hi", unsupported }, { history });
    expect(refused.error?.code).toBe("provider_rejected");
  });
});

describe("quirk 40: a plain key knows no clock", () => {
  const token = (exp: number) =>
    ["{}", JSON.stringify({ api_key: "id", exp, timestamp: 0 }), "signature"]
      .map((part) => Buffer.from(part).toString("base64url"))
      .join(".");

  test.each([
    ["a plain key is accepted", "id.secret", undefined],
    ["a token that is valid is accepted", token(Date.now() + 60_000), undefined],
    ["a token that has expired is not", token(Date.now() - 1_000), "provider_auth"],
  ] as const)("%s", async (_, apiKey, code) => {
    const client = await clientOf(await startSimulator(), "zhipu", { apiKey });
    const { error } = await ask(client, { text: "Hi" });
    expect(error?.code).toBe(code);
    if (code) expect(error?.message).toContain("code 1003");
  });
});
