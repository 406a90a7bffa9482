import { describe, expect, it, test } from "vitest";
import { ProviderError } from "../contract/provider-error.ts";
import type { ProviderEvent, ToolCallEvent } from "../contract/provider-event.ts";
import { dialectOf } from "../dialects/dialect-of.ts";
import { AnswerReader } from "./answer-reader.ts";
import { ToolCalls } from "./tool-calls.ts";

const fail = (code: ProviderError["code"], detail?: string) =>
  new ProviderError(code, { provider: "p", detail });

/** One piece as providers write it. */
const piece = (fields: { index?: number; id?: string }, name?: string, given?: unknown) => ({
  ...fields,
  type: "function",
  function: { name, arguments: given },
});

interface Told {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly given: string;
}

/** The calls that these chunks tell of, and the pieces they were told in. */
function read(...chunks: readonly (readonly unknown[])[]) {
  const calls = new ToolCalls(fail);
  const events = chunks.flatMap((chunk) => calls.push({ tool_calls: chunk }));
  return told([...events, ...calls.end({ isWhole: true })]);
}

/** Joins pieces as a client does, which is strict about what it may get. */
function told(events: readonly ToolCallEvent[]): { calls: Told[]; pieces: number } {
  const calls: Told[] = [];
  for (const { index, id, name, arguments: given } of events) {
    const before = calls[index];
    if (before === undefined) {
      expect([index, id, name]).toEqual([calls.length, expect.any(String), expect.any(String)]);
      calls.push({ id, name, given });
    } else {
      expect([id, name, given]).toEqual([undefined, undefined, expect.stringMatching(/./)]);
      calls[index] = { ...before, given: before.given + given };
    }
  }
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
  return { calls, pieces: events.length };
}

const WEATHER = { id: "a", name: "weather", given: '{"city":"北京"}' };
const TIME = { id: "b", name: "time", given: "{}" };

describe("whose piece it is", () => {
  const shapes: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
    "is told by its index, wherever pieces of others stand in between": [
      [piece({ index: 0, id: "a" }, "weather", "")],
      [piece({ index: 0 }, undefined, '{"city":')],
      [piece({ index: 1, id: "b" }, "time", "{")],
      [piece({ index: 0 }, undefined, '"北京"}'), piece({ index: 1 }, undefined, "}")],
    ],
    "is told by indexes that begin somewhere else": [
      [piece({ index: 3, id: "a" }, "weather", WEATHER.given)],
      [piece({ index: 7, id: "b" }, "time", "{}")],
    ],
    "is told by name and id where the index is always -1": [
      [piece({ index: -1, id: "a" }, "weather", WEATHER.given)],
      [piece({ index: -1, id: "b" }, "time", "{}")],
    ],
    "is told by name and id where the index is always 0": [
      [piece({ index: 0, id: "a" }, "weather", WEATHER.given)],
      [piece({ index: 0, id: "b" }, "time", "{}")],
    ],
    "is told by order where there is no index": [
      [piece({ id: "a" }, "weather", '{"city":'), piece({}, undefined, '"北京"}')],
      [piece({ id: "b" }, "time", ""), piece({}, "", "{}")],
    ],
    "does not change with the index of later pieces": [
      [piece({ index: -1, id: "a" }, "weather")],
      [piece({ index: 0 }, undefined, WEATHER.given)],
      [piece({ index: 1, id: "b" }, "time", "{}")],
    ],
    "does not change where each piece repeats the id and the name": [
      [piece({ index: 0, id: "a" }, "weather", '{"city":')],
      [piece({ index: 0, id: "a" }, "weather", '"北京"}')],
      [piece({ index: 1, id: "b" }, "time", "{}")],
    ],
    "does not change where each piece has an id of its own": [
      [piece({ index: 0, id: "a" }, "weather", '{"city":')],
      [piece({ index: 0, id: "a2" }, undefined, '"北京"}')],
      [piece({ index: 1, id: "b" }, "time", "{}")],
    ],
  };
  it.each(Object.entries(shapes))("%s", (_, chunks) => {
    expect(read(...chunks).calls).toEqual([WEATHER, TIME]);
  });
});

test("each piece is told as it comes, and one that says nothing is not", () => {
  const chunks = ["", "{", "", "}"].map((given) => [piece({ index: 0 }, undefined, given)]);
  expect(read([piece({ index: 0, id: "b" }, "time")], ...chunks)).toEqual({
    calls: [TIME],
    pieces: 3,
  });
});

test("a call without an id gets one, and so does the second of the same id", () => {
  const { calls } = read([
    piece({ index: 0 }, "time", "{}"),
    piece({ index: 1, id: "b" }, "time", "{}"),
    piece({ index: 2, id: "b" }, "time", "{}"),
    piece({ index: 3, id: "x".repeat(257) }, "time", "{}"),
  ]);
  const made = expect.stringMatching(/^call_[0-9a-f]{32}$/);
  expect(calls.map(({ id }) => id)).toEqual([made, "b", made, made]);
});

test("what comes before the name of a call waits for it", () => {
  const { calls, pieces } = read(
    [piece({ index: 0, id: "b" }, undefined, "{")],
    [piece({ index: 0 }, "time", "}")],
  );
  expect([calls, pieces]).toEqual([[TIME], 1]);
});

test("a character that is split between two pieces is told whole", () => {
  const { calls } = read(
    [piece({ index: 0, id: "b" }, "time", '"\ud83d')],
    [piece({ index: 0 }, undefined, '\ude00"')],
  );
  expect(calls[0]?.given).toBe('"😀"');
});

test("arguments that are an object and no text become text", () => {
  expect(read([piece({ index: 0, id: "a" }, "weather", { city: "北京" })]).calls).toEqual([
    WEATHER,
  ]);
});

test("what says nothing is no call", () => {
  const calls = new ToolCalls(fail);
  const empty = [undefined, null, [], [null], [{ index: 0 }], [piece({ index: 0 }, "", "")]];
  expect(empty.flatMap((tool_calls) => calls.push({ tool_calls }))).toEqual([]);
  expect([calls.end({ isWhole: true }), calls.any]).toEqual([[], false]);
});

describe("an answer fails as malformed", () => {
  const many = Array.from({ length: 129 }, (_, index) => piece({ index, id: `${index}` }, "f"));
  it.each([
    ["with more than 128 calls", many],
    ["with a call that is never named", [piece({ index: 0, id: "a" }, undefined, "{}")]],
    ["with a name without end", [piece({ index: 0 }, "x".repeat(257))]],
    ["with arguments without end and name", [piece({ index: 0 }, undefined, "x".repeat(65_537))]],
    ["with a call that has only an id", [piece({ index: 0, id: "a" })]],
    ["with a text in place of a call", ["time()"]],
    ["with arguments that are a list", [piece({ index: 0, id: "a" }, "time", ["now"])]],
    [
      "with two sets of arguments",
      [piece({ index: 0, id: "a" }, "time", "{}"), piece({ index: 0, id: "a" }, "time", '{"a":1}')],
    ],
  ])("%s", (_, chunk) => {
    expect(() => read(chunk)).toThrow(expect.objectContaining({ code: "provider_malformed" }));
  });
});

/** A whole body, read as the client does. */
function answer(body: readonly object[], { mayCall = true } = {}) {
  const reader = new AnswerReader({ dialect: dialectOf("openai"), fail, mayCall });
  const events: ProviderEvent[] = [];
  const bytes = body.map((json) => `data: ${JSON.stringify(json)}\n\n`).join("");
  try {
    events.push(...reader.push(Buffer.from(bytes)), ...reader.end());
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { ...told([]), last: error.code };
  }
  const last = events.at(-1);
  return {
    ...told(events.filter((event) => event.type === "tool_call")),
    last: last?.type === "finished" ? last.finish : last,
  };
}

const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: "1",
  choices: [{ index: 0, delta, finish_reason }],
});
const calling = chunk({ tool_calls: [piece({ index: 0, id: "b" }, "time", "{}")] });
const saying = chunk({ content: "Let me see." });

describe("an answer with calls", () => {
  it.each([
    ["alone is finished", [calling, chunk({}, "tool_calls")], "tool_calls"],
    ["behind text is finished", [saying, calling, chunk({}, "tool_calls")], "tool_calls"],
    ["is to be acted on though it says stop", [calling, chunk({}, "stop")], "tool_calls"],
    ["that is too long says so", [calling, chunk({}, "length")], "length"],
    [
      "that fills the context is too long",
      [calling, chunk({}, "model_context_window_exceeded")],
      "length",
    ],
    ["that does not finish is cut", [calling], "provider_cut"],
    ["that fails at its end is cut", [calling, chunk({}, "network_error")], "provider_cut"],
  ])("%s", (_, body, last) => expect(answer(body).last).toBe(last));

  it("has them in the last chunk as in any other", () => {
    const last = chunk({ tool_calls: [piece({ index: 0, id: "b" }, "time", "{}")] }, "tool_calls");
    expect(answer([last])).toEqual({ calls: [TIME], pieces: 1, last: "tool_calls" });
  });

  it("may be one whole message, where each element is a call", () => {
    const message = {
      tool_calls: [piece({ id: "a" }, "weather", WEATHER.given), piece({}, "time", "{}")],
    };
    const { calls, last } = answer([{ choices: [{ message, finish_reason: "tool_calls" }] }]);
    expect(calls).toEqual([WEATHER, { ...TIME, id: expect.stringMatching(/^call_/) }]);
    expect(last).toBe("tool_calls");
  });

  it("is none where the request had no tools", () => {
    const mayCall = false;
    expect(answer([calling, chunk({}, "tool_calls")], { mayCall }).last).toBe("provider_empty");
    expect(answer([saying, calling, chunk({}, "tool_calls")], { mayCall })).toEqual({
      calls: [],
      pieces: 0,
      last: "stop",
    });
  });

  it("that promises calls and has none is finished only where it says something", () => {
    expect(answer([saying, chunk({}, "tool_calls")]).last).toBe("stop");
    const thinking = chunk({ reasoning_content: "hm" });
    expect(answer([thinking, chunk({}, "tool_calls")]).last).toBe("provider_malformed");
    expect(answer([chunk({}, "tool_calls")]).last).toBe("provider_empty");
  });
});

describe("a call that does not say which one it is", () => {
  const PARIS = '{"city":"Paris"}';
  const ROME = '{"city":"Rome"}';
  const named = (id: string | null | undefined, name: string, given: unknown) =>
    piece({ index: 0, id: id as string }, name, given);
  const pairs = (...chunks: readonly (readonly unknown[])[]) =>
    read(...chunks).calls.map(({ name, given }) => [name, given]);

  it.each(["", null, undefined])("with the id %j is another one under another name", (id) => {
    const two = [
      ["time", "{}"],
      ["weather", "{}"],
    ];
    expect(pairs([named(id, "time", "{}")], [named(id, "weather", "{}")])).toEqual(two);
    expect(pairs([named(id, "time", ""), named(id, "weather", "")])).toEqual(two);
    expect(pairs([named(id, "time", '{"a":1}')], [named(id, "weather", PARIS)])).toEqual([
      ["time", '{"a":1}'],
      ["weather", PARIS],
    ]);
  });

  it.each([
    ["without an id", named("", "weather", PARIS), named("", "weather", ROME)],
    [
      "with its name for an id",
      named("weather", "weather", PARIS),
      named("weather", "weather", ROME),
    ],
    [
      "with its name for an id and no index",
      piece({ id: "weather" }, "weather", PARIS),
      piece({ id: "weather" }, "weather", ROME),
    ],
  ])("%s is another one with other arguments that are whole", (_, one, other) => {
    const two = [
      ["weather", PARIS],
      ["weather", ROME],
    ];
    expect(pairs([one], [other])).toEqual(two);
    expect(pairs([one, other])).toEqual(two);
  });

  it("is another one under another name, though the id is the same", () => {
    expect(pairs([named("x", "time", "{}")], [named("x", "weather", PARIS)])).toEqual([
      ["time", "{}"],
      ["weather", PARIS],
    ]);
  });

  it("is told once where it comes again as a whole", () => {
    const first = [piece({ index: 0, id: "a" }, "weather", '{"city":"Paris","d":1}')];
    const one = [["weather", '{"city":"Paris","d":1}']];
    const again = (fields: object) => [piece(fields, "weather", '{"d":1, "city":"Paris"}')];
    expect(pairs(first, again({}))).toEqual(one);
    expect(pairs(first, again({ index: 0 }))).toEqual(one);
    const two = [piece({ index: 1, id: "b" }, "time", "{}")];
    const times = [...one, ["time", "{}"]];
    expect(pairs(first, two, [...again({}), piece({}, "time", "{}")])).toEqual(times);
  });

  it("fails where its name may be the rest of another", () => {
    const rests = [piece({ index: 0 }, "ther", '{"a"'), piece({ index: 0, id: "" }, "ther", "")];
    for (const rest of rests) {
      expect(() => read([piece({ index: 0, id: "a" }, "wea", "")], [rest])).toThrow("two names");
    }
    expect(() => read([named("", "time", '{"a"')], [named("", "weather", "{}")])).toThrow(
      "two names",
    );
  });
});

describe("a call in `tool_calls` and in `function_call`", () => {
  const old = { function_call: { name: "time", arguments: '{"a":1}' } };
  const news = { tool_calls: [piece({ index: 0, id: "b" }, "time", '{"a":1}')] };
  const pieces = [
    { function_call: { name: "time", arguments: '{"a"' } },
    { function_call: { arguments: ":1}" } },
  ];
  const all = (...deltas: object[]) => {
    const calls = new ToolCalls(fail);
    const events = deltas.flatMap((delta) => calls.push({ ...delta }));
    return told([...events, ...calls.end({ isWhole: true })]).calls.map(({ given }) => given);
  };

  it.each([
    ["behind it", [news, old]],
    ["before it", [old, news]],
    ["behind it in pieces", [news, ...pieces]],
    ["before it in pieces", [...pieces, news]],
    ["beside it", [{ ...news, ...old }]],
  ])("%s is told once", (_, deltas) => expect(all(...deltas)).toEqual(['{"a":1}']));

  it("fails where the two differ", () => {
    const other = { function_call: { name: "time", arguments: '{"a":2}' } };
    expect(() => all(news, other)).toThrow("differ between two fields");
  });
});

describe("arguments", () => {
  const given = (...pieces: unknown[]) =>
    read(...pieces.map((one) => [piece({ index: 0, id: "b" }, "time", one)])).calls.map(
      (call) => call.given,
    );

  it.each(["args", "input", "parameters"])("named %s are read", (name) => {
    const inside = { function: { name: "time", [name]: { a: 1 } } };
    const flat = { name: "time", [name]: '{"a":1}' };
    const beside = { function: { name: "time" }, [name]: { a: 1 } };
    for (const fields of [inside, flat, beside]) {
      expect(read([{ index: 0, id: "b", ...fields }]).calls).toEqual([
        { ...TIME, given: '{"a":1}' },
      ]);
    }
  });

  it("under a name that nobody knows fail the answer", () => {
    for (const value of [{ a: 1 }, '{"a":1}']) {
      const call = { index: 0, id: "b", function: { name: "time", arguments_json: value } };
      expect(() => read([call])).toThrow("function.* is of type");
    }
  });

  it.each([
    ["of pieces that have all so far", ['{"c"', '{"c":"Pa', '{"c":"Paris"}'], '{"c":"Paris"}'],
    ["of such pieces, one of them twice", ["{", "{", '{"c":1}', '{"c":1}'], '{"c":1}'],
    ["of pieces that look like it", ['{"c":', '{"c":', "1}}"], '{"c":{"c":1}}'],
    ["in a list of such", ['{"c":[', '{"c":[', "]}]}"], '{"c":[{"c":[]}]}'],
  ])("%s are told once", (_, pieces, whole) => expect(given(...pieces)).toEqual([whole]));

  it("of pieces that may have had all so far fail once that is certain", () => {
    expect(() => given('{"c":', '{"c":"Pa', '{"c":"Paris"}')).toThrow("begin again");
    expect(() => given('{"c"', '{"c":"Pa', '{"d"')).toThrow("begin again");
  });
});

describe("a call of another type", () => {
  it.each(["tool_call", "builtin_function"])("%s that calls a function is one", (type) => {
    expect(read([{ ...piece({ index: 0, id: "b" }, "time", "{}"), type }]).calls).toEqual([TIME]);
  });

  it("is a matter of the request's tools, and does not speak against the provider", () => {
    const custom = { index: 0, id: "b", type: "custom", custom: { name: "time", input: "x" } };
    expect(() => read([custom])).toThrow(expect.objectContaining({ code: "provider_rejected" }));
  });
});
