/** Rows about the bytes an answer comes in. */

import { directive } from "@openclaw/simulator";
import { describe, expect, test } from "vitest";
import { ask as askRaw, askStream, readRaw } from "../../services/simulator/src/testing/wire.ts";
import { policyOf } from "../../services/worker/src/provider/health/failure-policy.ts";
import { answerOf, ask, askWithin, clientOf, PROVIDERS, startSimulator } from "./asking.ts";

/** Characters of one, two, three and four bytes. */
const PIECES = ["Hé", "llo ", "静夜思", "🌙🌙", "\n."];
const TEXT = PIECES.join("");

async function bodyOf(fields: Parameters<typeof directive>[0]): Promise<string> {
  const simulator = await startSimulator();
  return (await askRaw({ simulator, profile: "zhipu", prompt: directive(fields) })).text();
}

describe("quirk 14: a spliced stream", () => {
  test("is a frame that breaks off, and a whole answer of another id glued to it", async () => {
    const body = await bodyOf({ pieces: PIECES, spliceAfter: 2 });
    const ids = [...body.matchAll(/data: \{"id":"(\w+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(2);
    const glued = body.split("\n").filter((line) => line.split("data: {").length === 3);
    expect(glued).toHaveLength(1);
    expect(body.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test.each(PROVIDERS)("of %s begins anew where nothing was said before", async (provider) => {
    const fields = { pieces: PIECES, spliceAfter: 0, splicePauseMs: 20 };
    const { text, events, finished } = await answerOf(provider, fields);
    expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
    expect(events).toHaveLength(PIECES.length + 1);
  });

  test.each(PROVIDERS)("of %s is an error behind text, and nothing of it is said", async (name) => {
    const { text, error } = await answerOf(name, { pieces: PIECES, spliceAfter: 2 });
    expect([text, error?.code]).toEqual(["Héllo ", "provider_malformed"]);
    expect(error?.message).toContain("two streams in one");
    expect(policyOf("provider_malformed").elsewhere).toBe(true);
  });
});

describe("quirk 15: an event is the same however it is spelled", () => {
  const spellings = [
    ["noSpace", /^data:[{[]/m],
    ["tabLine", /^\t[\r\n]/m],
    ["manyLines", /^data: {[\r\n]+data: {1,2}"/m],
  ] as const;

  test.each(spellings)("%s", async (form, onTheWire) => {
    for (const newline of ["lf", "crlf", "cr"] as const) {
      const fields = { pieces: PIECES, framing: [form], newline };
      expect(await bodyOf(fields)).toMatch(onTheWire);
      const { text, finished } = await answerOf("zhipu", fields);
      expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
    }
  });

  test("all at once, for each provider", async () => {
    const framing = spellings.map(([form]) => form);
    for (const provider of PROVIDERS) {
      const { text, error } = await answerOf(provider, { pieces: PIECES, framing, newline: "cr" });
      expect([text, error]).toEqual([TEXT, undefined]);
    }
  });
});

test.each([1, 2, 3, 5, 7])(
  "quirk 16: characters split over portions of %i bytes stay whole",
  async (chunkBytes) => {
    const simulator = await startSimulator();
    const fields = { pieces: PIECES, chunkBytes };
    const url = `${simulator.url}/zhipu/v1/chat/completions`;
    const { portions } = await readRaw(url, directive(fields));
    // A portion that begins with a continuation byte was cut inside a character.
    expect(portions.some(([first = 0]) => (first & 0xc0) === 0x80)).toBe(true);
    const { text } = await ask(await clientOf(simulator, "zhipu"), fields);
    expect(text).toBe(TEXT);
  },
);

test("quirk 17: many frames in a packet, or many packets for a frame, are the same answer", async () => {
  const simulator = await startSimulator();
  const client = await clientOf(simulator, "nvidia1");
  const url = `${simulator.url}/nvidia1/v1/chat/completions`;
  const lengths: number[] = [];
  for (let rechunk = 1; rechunk <= 20; rechunk += 1) {
    const fields = { pieces: PIECES, rechunk, chunkBytes: rechunk % 2 === 0 ? 40 : 900 };
    const { portions } = await readRaw(url, directive(fields));
    lengths.push(...portions.map(({ length }) => length));
    const { text, finished } = await ask(client, fields);
    expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
  }
  expect(Math.min(...lengths)).toBeLessThan(20);
  expect(Math.max(...lengths)).toBeGreaterThan(400);
  expect(new Set(lengths).size).toBeGreaterThan(50);
});

describe("quirk 18: comments are no text, and no progress", () => {
  const timeouts = { firstTokenMs: 150, stallMs: 150 };

  test("they fill the waits of an answer that is in time", async () => {
    const fields = { pieces: PIECES, firstTokenMs: 60, gapMs: 60, commentMs: 5 };
    expect((await bodyOf(fields)).match(/^: keep-alive$/gm)?.length).toBeGreaterThan(10);
    const simulator = await startSimulator();
    const client = await clientOf(simulator, "zhipu", { timeouts });
    const { text, finished } = await askWithin(client, fields);
    expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
  });

  test.each([
    ["before the first text", 0, "first_token_timeout"],
    ["behind some text", 2, "provider_stalled"],
  ] as const)("they do not stretch a silence %s", async (_, stallAfter, code) => {
    const simulator = await startSimulator();
    const client = await clientOf(simulator, "zhipu", { timeouts });
    const startedAt = performance.now();
    const { error } = await askWithin(client, { pieces: PIECES, stallAfter, commentMs: 5 });
    expect(error?.code).toBe(code);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe("quirk 19: what a response says it is does not decide what it is", () => {
  test.each([
    "text/event-stream;charset=UTF-8",
    "text/event-stream; charset=utf-8",
    "application/json",
    "text/plain",
  ])("a stream under %s is a stream", async (contentType) => {
    const simulator = await startSimulator();
    const fields = { pieces: PIECES, contentType };
    const sent = await askStream({ simulator, prompt: directive(fields) });
    expect(sent.headers.get("content-type")).toBe(contentType);
    const { text, finished } = await ask(await clientOf(simulator, "openai"), fields);
    expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
  });

  test("Zhipu's own type has no space", async () => {
    const simulator = await startSimulator();
    const { headers } = await askStream({ simulator, profile: "zhipu", prompt: "hi" });
    expect(headers.get("content-type")).toBe("text/event-stream;charset=UTF-8");
  });

  test.each(["application/json", "text/event-stream"])(
    "a whole completion under %s is the answer",
    async (contentType) => {
      for (const provider of PROVIDERS) {
        const fields = { pieces: PIECES, reasoning: ["hm"], whole: true as const, contentType };
        const answer = await answerOf(provider, fields);
        expect([answer.text, answer.reasoning]).toEqual([TEXT, "hm"]);
        expect(answer.finished).toMatchObject({ finish: "stop", usage: {} });
      }
    },
  );

  test.each(["application/json", "text/event-stream"])(
    "an error with status 200 under %s is an error",
    async (contentType) => {
      const body = '{"error":{"code":"1113","message":"x"}}';
      const { text, error } = await answerOf("zhipu", { status: 200, body, contentType });
      expect([text, error?.code, error?.status]).toEqual(["", "provider_quota", 200]);
    },
  );
});

test("quirk 39: a frame of 4 MiB is refused with the limit it broke", async () => {
  const { text, error } = await answerOf("openai", { pieces: PIECES, hugeAfter: 2 });
  expect([text, error?.code]).toEqual(["Héllo ", "provider_malformed"]);
  expect(error?.message).toContain("over 1 MiB");
});
