/** Rows about how an answer ends, and what only looks like an end. */

import { directive } from "@openclaw/simulator";
import { describe, expect, test } from "vitest";
import { ask as askRaw, eventsIn } from "../../services/simulator/src/testing/wire.ts";
import { policyOf } from "../../services/worker/src/provider/health/failure-policy.ts";
import { answerOf, ask, clientOf, PROVIDERS, startSimulator } from "./asking.ts";

const PIECES = ["Hel", "lo ", "静夜", "."];
const TEXT = PIECES.join("");

async function bodyOf(...[fields, profile]: [Parameters<typeof directive>[0], string]) {
  const simulator = await startSimulator();
  return (await askRaw({ simulator, profile, prompt: directive(fields) })).text();
}

test.each([
  ["before the stream, by Zhipu", "zhipu", { status: 400, errorCode: "1301" }],
  ["before the stream, by TokenHub", "hunyuan", { status: 451 }],
  ["first in the stream", "zhipu", { errorAfter: 0, errorCode: "1301" }],
  ["as a finish without text", "zhipu", { pieces: [], finish: "sensitive" }],
] as const)("quirk 6: a filter that strikes %s refuses for good", async (_, provider, fields) => {
  const fault: Parameters<typeof directive>[0] = { ...fields, pieces: [] };
  const { text, error } = await answerOf(provider, fault);
  expect([text, error?.code, error?.failure.retryable]).toEqual(["", "content_filtered", false]);
  expect(policyOf("content_filtered").elsewhere).toBe(false);
});

test("quirk 6: a filter that strikes behind some text ends the answer with its name", async () => {
  const { text, finished } = await answerOf("zhipu", { pieces: PIECES, finish: "sensitive" });
  expect([text, finished?.finish]).toEqual([TEXT, "content_filter"]);
  const late = await answerOf("zhipu", { pieces: PIECES, errorAfter: 2, errorCode: "1301" });
  expect([late.text, late.error?.code]).toEqual(["Hello ", "content_filtered"]);
});

test.each([
  ["before any text", [], "provider_error"],
  ["behind some text", PIECES, "provider_cut"],
] as const)("quirk 7: a network_error %s is a failure, not an end", async (_, pieces, code) => {
  const answer = await answerOf("zhipu", { pieces: [...pieces], finish: "network_error" });
  expect([answer.text, answer.error?.code]).toEqual([pieces.join(""), code]);
  expect([answer.finished, policyOf(code).elsewhere]).toEqual([undefined, true]);
});

test("quirk 8: a full context is a length behind text, and a refusal before any", async () => {
  const finish = "model_context_window_exceeded";
  const behind = await answerOf("zhipu", { pieces: PIECES, finish });
  expect([behind.text, behind.finished?.finish]).toEqual([TEXT, "length"]);
  const before = await answerOf("zhipu", { pieces: [], finish });
  expect([before.text, before.error?.code]).toEqual(["", "context_length_exceeded"]);
});

describe("quirk 11: an answer without a finish is cut, wherever it breaks off", () => {
  test.each(["cutAfter", "resetAfter", "endAfter", "truncateAfter"] as const)(
    "%s some deltas",
    async (fault) => {
      for (const after of [0, 2, PIECES.length]) {
        const { text, error, finished } = await answerOf("openai", {
          pieces: PIECES,
          gapMs: 1,
          [fault]: after,
        });
        expect([TEXT.startsWith(text), error?.code]).toEqual([true, "provider_cut"]);
        expect(finished).toBeUndefined();
      }
    },
  );

  test.each(["cutAtByte", "resetAtByte"] as const)("%s, at any byte", async (fault) => {
    const body = await bodyOf({ pieces: PIECES, finishKey: "absent" }, "openai");
    const whole = Buffer.byteLength(body.slice(0, body.indexOf('"finish_reason"')));
    const client = await clientOf(await startSimulator(), "openai");
    for (let at = 0; at < whole; at += 29) {
      const fields = { pieces: PIECES, finishKey: "absent", [fault]: at } as const;
      const { text, error, finished } = await ask(client, fields);
      expect([TEXT.startsWith(text), error?.code, finished]).toEqual([
        true,
        "provider_cut",
        undefined,
      ]);
    }
  });
});

test.each(PROVIDERS)(
  "quirk 12: %s is complete with a finish and without [DONE]",
  async (profile) => {
    const fields = { pieces: PIECES, done: false, finishKey: "empty" } as const;
    expect(eventsIn(await bodyOf(fields, profile))).not.toContain("[DONE]");
    const { text, finished } = await answerOf(profile, fields);
    expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
  },
);

test("quirk 13: what follows [DONE] is ignored", async () => {
  const more = 'data: {"choices":[{"index":0,"delta":{"content":"!"}}]}\n\n';
  for (const trailer of [more, "<html>busy</html>\n\n", 'data: {"error":{"code":500}}\n\n']) {
    const fields = { pieces: PIECES, trailer };
    expect((await bodyOf(fields, "zhipu")).endsWith(`data: [DONE]\n\n${trailer}`)).toBe(true);
    const { text, finished } = await answerOf("zhipu", fields);
    expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
  }
});

test.each([
  ["[DONE]", true],
  ["the finish", false],
] as const)("quirk 13: %s counts without a line end behind it", async (_, done) => {
  const fields = { pieces: PIECES, lastBlank: false, done } as const;
  expect(await bodyOf(fields, "zhipu")).toMatch(/[\]}]$/);
  const { text, finished } = await answerOf("zhipu", fields);
  expect(text).toBe(TEXT);
  expect(finished).toMatchObject({ finish: "stop", usage: { outputTokens: PIECES.length } });
});
