/** Rows about what an answer's chunks look like. */
import { answerFor, type Directive, directive } from "@openclaw/simulator";
import { expect, test } from "vitest";
import { askStream } from "../../services/simulator/src/testing/wire.ts";
import type { ProviderEvent } from "../../services/worker/src/provider/contract/provider-event.ts";
import { answerOf, ask, clientOf, PROVIDERS, startSimulator } from "./asking.ts";

const PIECES = ["Hel", "lo ", "静夜"];
const TEXT = PIECES.join("");

test("quirk 1: a role in every chunk, and text in the first, leave nothing but the text", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: PIECES });
  const { chunks } = await askStream({ simulator, profile: "zhipu", prompt });
  const deltas = chunks.map(({ choices }) => choices[0]?.delta);
  expect(deltas[0]).toEqual({ role: "assistant", content: "Hel" });
  expect(deltas.every((delta) => delta?.role === "assistant")).toBe(true);
  const { events } = await ask(await clientOf(simulator, "zhipu"), { pieces: PIECES });
  expect(events.slice(0, -1)).toEqual(PIECES.map((text) => ({ type: "text", text })));
});

test.each(["absent", "null", "empty"] as const)(
  "quirk 2: a finish reason that is %s ends nothing",
  async (finishKey) => {
    const simulator = await startSimulator();
    const fields = { pieces: PIECES, finishKey };
    const wanted = { absent: undefined, null: null, empty: "" }[finishKey];
    for (const profile of PROVIDERS) {
      const sent = await askStream({ simulator, profile, prompt: directive(fields) });
      expect(sent.chunks[0]?.choices[0]?.finish_reason).toBe(wanted);
      const { text, finished } = await ask(await clientOf(simulator, profile), fields);
      expect([text, finished?.finish]).toEqual([TEXT, "stop"]);
    }
  },
);

test.each([
  ["in the last chunk", "finish", 1],
  ["cumulative in every chunk", "each", PIECES.length + 1],
  ["in a chunk of its own", "own", 1],
] as const)("quirk 3: usage %s is taken once, and last", async (_, usageIn, chunksWithUsage) => {
  const simulator = await startSimulator();
  const fields = { pieces: PIECES, usageIn };
  const prompt = directive(fields);
  const { chunks } = await askStream({ simulator, profile: "zhipu", prompt });
  expect(chunks.filter(({ usage }) => usage).length).toBe(chunksWithUsage);
  for (const provider of PROVIDERS) {
    const { events, finished } = await ask(await clientOf(simulator, provider), fields);
    expect(finished?.usage).toMatchObject({ outputTokens: PIECES.length });
    expect(events.filter((event) => "usage" in event)).toHaveLength(1);
  }
});

test.each(PROVIDERS)("quirk 4: usage that %s does not send is not invented", async (provider) => {
  const { text, finished } = await answerOf(provider, { pieces: PIECES, usage: false });
  expect([text, finished?.finish, finished?.usage]).toEqual([TEXT, "stop", undefined]);
});

test("quirk 5: an id that changes, and chunks without id, object or model, are the same answer", async () => {
  const simulator = await startSimulator();
  const changing = { pieces: PIECES, newIdAfter: 2 };
  const bare = { pieces: PIECES, bare: true as const };
  const sent = await askStream({ simulator, profile: "zhipu", prompt: directive(changing) });
  expect(new Set(sent.chunks.map(({ id }) => id)).size).toBe(2);
  expect(sent.chunks.every((chunk) => chunk.object === undefined)).toBe(true);
  const naked = await askStream({ simulator, profile: "openai", prompt: directive(bare) });
  for (const name of ["id", "object", "created", "model"]) {
    expect(naked.chunks.every((chunk) => !(name in chunk))).toBe(true);
  }
  for (const provider of PROVIDERS) {
    const client = await clientOf(simulator, provider);
    const one = await ask(client, changing);
    expect([one.text, one.finished]).toMatchObject([TEXT, { finish: "stop", model: "m" }]);
    const other = await ask(client, bare);
    expect([other.text, other.finished?.finish]).toEqual([TEXT, "stop"]);
    expect(other.finished?.model).toBeUndefined();
  }
});

test.each(["reasoning_content", "reasoning", "think"] as const)(
  "quirk 31: thinking sent as %s is reasoning, and empty pieces are dropped",
  async (reasoningAs) => {
    const simulator = await startSimulator();
    const fields = { reasoning: ["hm, ", "so"], pieces: PIECES, reasoningAs };
    for (const profile of PROVIDERS) {
      const sent = await askStream({ simulator, profile, prompt: directive(fields) });
      const spoken = JSON.stringify(sent.chunks);
      const tags = sent.text.startsWith("<think>hm, so</think>\n\n");
      expect(tags).toBe(reasoningAs === "think");
      // Split over two chunks, so that neither has a tag.
      expect(spoken).not.toContain("<think>");
      const named = sent.chunks.filter(({ choices }) => choices[0]?.delta[reasoningAs]);
      expect(named).toHaveLength(reasoningAs === "think" ? 0 : 2);
      const answer = await ask(await clientOf(simulator, profile), fields);
      expect([answer.reasoning, answer.text]).toEqual(["hm, so", TEXT]);
      expect(answer.finished?.finish).toBe("stop");
      expect(answer.events.filter((event) => "text" in event && event.text === "")).toEqual([]);
    }
  },
);

test("quirk 31: tags that do not begin the answer are text", async () => {
  const text = "A <think>tag</think> is text.";
  const { text: read, reasoning } = await answerOf("nvidia1", { text });
  expect([read, reasoning]).toEqual([text, ""]);
});

const TOOLS = ["weather", "time"].map((name) => ({
  type: "function" as const,
  function: { name, parameters: {} },
}));
const CALLS = [{ name: "weather", arguments: { city: "北京" } }, { name: "time" }];

/** What a client makes of the pieces of calls: for each, what it was first told, and all arguments. */
function callsIn(events: readonly ProviderEvent[]) {
  const pieces = events.filter((event) => event.type === "tool_call");
  return pieces
    .filter(({ id }) => id !== undefined)
    .map(({ index, name }) => {
      const own = pieces.filter((piece) => piece.index === index);
      const more = own.slice(1).filter((piece) => piece.id ?? piece.name);
      return { index, name, given: own.map((piece) => piece.arguments).join(""), more };
    });
}

test.each([
  ["as specified", "indexed"],
  ["at index -1, whole in one chunk", "negative"],
  ["with its arguments in the chunk that finishes", "withFinish"],
] as const)("quirk 32: tool calls %s are numbered from 0, and whole", async (_, callsAs) => {
  const simulator = await startSimulator();
  const fields = { pieces: PIECES, calls: CALLS, callsAs };
  const prompt = directive(fields);
  const sent = await askStream({ simulator, profile: "zhipu", prompt, extra: { tools: TOOLS } });
  expect(JSON.stringify(sent.chunks).includes('"index":-1')).toBe(callsAs === "negative");
  const last = JSON.stringify(sent.chunks.at(-1));
  expect(last.includes('"arguments":"{}"')).toBe(callsAs === "withFinish");
  for (const provider of PROVIDERS) {
    const client = await clientOf(simulator, provider);
    const { text, finished, events } = await ask(client, fields, { passed: { tools: TOOLS } });
    expect([text, finished?.finish]).toEqual([TEXT, "tool_calls"]);
    expect(callsIn(events)).toEqual([
      { index: 0, name: "weather", given: '{"city":"北京"}', more: [] },
      { index: 1, name: "time", given: "{}", more: [] },
    ]);
  }
});

test.each<readonly [string, Directive]>([
  ["in a whole answer", { whole: true }],
  ["that ends as if nothing was called", { finish: "stop" }],
  ["without any text", {}],
  ["behind thinking", { reasoning: ["hm"] }],
])("quirk 32: a tool call %s is an answer", async (_, fields) => {
  const simulator = await startSimulator();
  for (const provider of PROVIDERS) {
    const client = await clientOf(simulator, provider);
    const asked = { calls: CALLS.slice(0, 1), ...fields };
    const { finished, events } = await ask(client, asked, { passed: { tools: TOOLS } });
    expect(finished?.finish).toBe("tool_calls");
    expect(callsIn(events)).toMatchObject([{ name: "weather", given: '{"city":"北京"}' }]);
  }
});

test("quirk 33: fields that only some provider has reach nobody", async () => {
  const simulator = await startSimulator();
  const fields = { words: 6, extras: true as const };
  const prompt = directive(fields);
  for (const profile of PROVIDERS) {
    const { chunks } = await askStream({ simulator, profile, prompt });
    for (const chunk of chunks) {
      for (const name of ["note", "search_info", "request_id", "web_search"]) {
        expect(chunk).toHaveProperty(name);
      }
      for (const choice of chunk.choices) expect(choice).toHaveProperty("stop_reason");
    }
    const { events, text } = await ask(await clientOf(simulator, profile), fields);
    expect(text).toBe(answerFor({ prompt, profile }));
    const fieldsSeen = new Set(events.flatMap((event) => Object.keys(event)));
    expect(fieldsSeen).toEqual(new Set(["type", "text", "finish", "usage", "model"]));
  }
});
