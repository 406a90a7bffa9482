/** Every form in which the parts of an answer come, each told once and none lost. */
import { describe, expect, it, test } from "vitest";
import { chunk, DONE, frame, type Outcome, readAnswer } from "../testing/read-answer.ts";

const STOP = chunk({}, { finish_reason: "stop" });
const FINISHED = { type: "finished", finish: "stop" };
const thinking = (thought: unknown) => [{ type: "thinking", thinking: thought }];
const part = (text: string) => ({ type: "text", text });
const whole = (message: object, rest: object = {}) =>
  frame({
    id: "1",
    object: "chat.completion",
    model: "m",
    choices: [
      { index: 0, message: { role: "assistant", ...message }, finish_reason: "stop", ...rest },
    ],
  });

type Shape = readonly [body: readonly string[], answer: Partial<Outcome>];

/** Each shape is read as it is, and cut at every byte of its first kilobyte. */
function reads(shapes: Readonly<Record<string, Shape>>, options: object = {}): void {
  it.each(Object.entries(shapes))("%s", (_, [body, answer]) => {
    const said = { text: "", reasoning: "", refusal: "", calls: [], ...answer };
    expect(readAnswer(body, options)).toMatchObject({ last: FINISHED, ...said });
    const bytes = Buffer.from(body.join(""));
    for (let at = 1; at < Math.min(bytes.length, 1_024); at += 1) {
      const cut = readAnswer([bytes.subarray(0, at), bytes.subarray(at)], options);
      expect(cut).toMatchObject(said);
    }
  });
}

describe("content", () => {
  reads({
    "as a text": [[chunk({ content: "Hi" }), STOP], { text: "Hi" }],
    "as a list of parts": [[chunk({ content: [part("H"), part("i")] }), STOP], { text: "Hi" }],
    "as texts and lists in turn": [
      [chunk({ content: [part("H")] }), chunk({ content: "i" }), STOP],
      { text: "Hi" },
    ],
    "as one part": [[chunk({ content: part("Hi") }), STOP], { text: "Hi" }],
    "as parts of the Responses API": [
      [chunk({ content: [{ type: "output_text", text: "Hi", annotations: [] }] }), STOP],
      { text: "Hi" },
    ],
    "as a list of texts": [[chunk({ content: ["H", "i"] }), STOP], { text: "Hi" }],
    "as parts without a type": [[chunk({ content: [{ text: "Hi" }] }), STOP], { text: "Hi" }],
    "as parts whose text is wrapped": [
      [chunk({ content: [{ type: "text", text: { value: "Hi" } }] }), STOP],
      { text: "Hi" },
    ],
    "in the place of the older completions": [
      [
        frame({ choices: [{ index: 0, text: "Hi", finish_reason: null }] }),
        frame({ choices: [{ index: 0, text: "", finish_reason: "stop" }] }),
      ],
      { text: "Hi" },
    ],
    "in several choices of one event": [
      [frame({ choices: ["H", "i"].map((content) => ({ index: 0, delta: { content } })) }), STOP],
      { text: "Hi" },
    ],
    "in a list of chunks": [
      [frame([{ choices: [{ index: 0, delta: { content: "Hi" } }] }]), STOP],
      { text: "Hi" },
    ],
    "under `message` in place of `delta`": [
      [
        ...["Hi", " ", "Hi"].map((content) =>
          frame({
            object: "chat.completion.chunk",
            choices: [{ index: 0, message: { role: "assistant", content } }],
          }),
        ),
        STOP,
      ],
      { text: "Hi Hi" },
    ],
  });
});

describe("pieces under `message` that do not say what they are", () => {
  const piece = (content: string, finish_reason: string | null = null) =>
    frame({ choices: [{ index: 0, message: { role: "assistant", content }, finish_reason }] });
  reads({
    "are pieces": [[piece("Hi"), piece(" "), piece("Hi"), piece("!", "stop")], { text: "Hi Hi!" }],
    "may be followed by a whole completion": [
      [piece("Hi"), piece(" you"), whole({ content: "Hi you" })],
      { text: "Hi you" },
    ],
    "are one whole answer where the only one has a reason": [[piece("Hi", "stop")], { text: "Hi" }],
  });
});

describe("thinking", () => {
  const both = (thought: string) => ({ reasoning_content: thought, reasoning: thought });
  const said = { reasoning: "hm, so", text: "Hi" };
  const hi = chunk({ content: "Hi" });
  reads({
    "in reasoning_content": [
      [chunk({ reasoning_content: "hm, " }), chunk({ reasoning_content: "so" }), hi, STOP],
      said,
    ],
    "in reasoning": [[chunk({ reasoning: "hm, so" }), hi, STOP], said],
    "in thinking": [[chunk({ thinking: "hm, so" }), hi, STOP], said],
    "in parts that hold a text": [[chunk({ content: thinking("hm, so") }), hi, STOP], said],
    "in parts that hold parts": [
      [
        chunk({ content: thinking([part("hm, ")]) }),
        chunk({ content: thinking([part("so")]) }),
        hi,
        STOP,
      ],
      said,
    ],
    "in parts that hold thinking parts": [
      [chunk({ content: thinking(thinking([part("hm, so")])) }), hi, STOP],
      said,
    ],
    "in a reasoning part": [
      [chunk({ content: [{ type: "reasoning", text: "hm, so" }, part("Hi")] }), STOP],
      said,
    ],
    "in parts of a field": [
      [chunk({ reasoning_content: [part("hm, "), part("so")] }), hi, STOP],
      said,
    ],
    "in a list of details alone": [
      [
        chunk({
          reasoning_details: [
            { type: "reasoning.text", text: "hm, so" },
            { type: "reasoning.encrypted", data: "x" },
          ],
        }),
        hi,
        STOP,
      ],
      said,
    ],
    "in two fields at once": [[chunk(both("hm, ")), chunk(both("so")), hi, STOP], said],
    "in a field and its details": [
      [
        chunk({
          reasoning: "hm, so",
          reasoning_details: [{ type: "reasoning.text", text: "hm, so" }],
        }),
        hi,
        STOP,
      ],
      said,
    ],
    "in a field and in parts": [
      [chunk({ reasoning_content: "hm, so", content: thinking("hm, so") }), hi, STOP],
      said,
    ],
    "in a field and in tags at once": [
      [
        chunk({ reasoning_content: "hm, ", content: "<think>hm, " }),
        chunk({ reasoning_content: "so", content: "so" }),
        chunk({ content: "</think>\n\nHi" }),
        STOP,
      ],
      said,
    ],
    "in a field, then in tags": [
      [chunk({ reasoning: "hm, so" }), chunk({ content: "<think>\nhm, so\n</think>\nHi" }), STOP],
      said,
    ],
    "in a field and in tags that go further": [
      [chunk({ reasoning: "hm," }), chunk({ content: "<think>hm, so</think>Hi" }), STOP],
      said,
    ],
    "in a field and in tags that say something else": [
      [chunk({ reasoning: "hm" }), chunk({ content: "<think>he</think>Hi" }), STOP],
      { reasoning: "hmhe", text: "Hi" },
    ],
    "in tags that only begin like the field": [
      [chunk({ reasoning: "hm, so" }), chunk({ content: "<think>hm</think>Hi" }), STOP],
      { reasoning: "hm, sohm", text: "Hi" },
    ],
    "in two fields that say two things": [
      [chunk({ reasoning_content: "hm, ", thinking: "so" }), hi, STOP],
      said,
    ],
    "in tags among parts": [
      [chunk({ content: [part("<think>hm, "), part("so</think>"), part("Hi")] }), STOP],
      said,
    ],
    "that is sealed, or only a switch": [
      [
        chunk({ content: [{ type: "redacted_thinking", data: "x" }, part("Hi")], thinking: false }),
        STOP,
      ],
      { text: "Hi" },
    ],
  });
});

describe("a refusal", () => {
  const said = { refusal: "I can't." };
  reads({
    "in pieces": [
      [
        chunk({ role: "assistant", content: null, refusal: null }),
        chunk({ refusal: "I " }),
        chunk({ refusal: "can't." }),
        STOP,
      ],
      said,
    ],
    "as a part": [[chunk({ content: [{ type: "refusal", refusal: "I can't." }] }), STOP], said],
    "in a whole message": [[whole({ content: null, refusal: "I can't." })], said],
    "in pieces and in a whole message": [
      [chunk({ refusal: "I can't." }), whole({ content: null, refusal: "I can't." })],
      said,
    ],
    "behind text": [
      [chunk({ content: "Well. " }), chunk({ refusal: "I can't." }), STOP],
      { text: "Well. ", ...said },
    ],
  });
});

describe("a whole message", () => {
  const deltas = ["Hel", "lo"].map((content) => chunk({ content }));
  const said = { text: "Hello" };
  reads({
    alone: [[whole({ content: "Hello" })], said],
    "behind its deltas": [[...deltas, whole({ content: "Hello" })], said],
    "behind its deltas and a reason": [[...deltas, STOP, whole({ content: "Hello" })], said],
    "beside the last delta": [
      [
        deltas[0] ?? "",
        chunk({ content: "lo" }, { message: { content: "Hello" }, finish_reason: "stop" }),
      ],
      said,
    ],
    twice: [[whole({ content: "Hello" }), whole({ content: "Hello" })], said],
    "that has more than its deltas": [
      [...deltas, whole({ content: "Hello, you" })],
      { text: "Hello, you" },
    ],
    "that has less than its deltas": [[...deltas, whole({ content: "Hel" })], said],
    "that says nothing": [[...deltas, whole({ content: "" })], said],
    "that is trimmed": [
      [chunk({ content: "\n Hello\n" }), whole({ content: "Hello" })],
      { text: "\n Hello\n" },
    ],
    "that is made of parts": [[...deltas, whole({ content: [part("Hello")] })], said],
    "with its thinking": [
      [
        chunk({ reasoning_content: "hm" }),
        ...deltas,
        whole({ content: "Hello", reasoning_content: "hm" }),
      ],
      { ...said, reasoning: "hm" },
    ],
    "with thinking that no delta had": [
      [...deltas, whole({ content: "Hello", reasoning_content: "hm" })],
      { ...said, reasoning: "hm" },
    ],
    "with its thinking in tags": [
      [
        chunk({ content: "<think>hm</think>Hello" }),
        whole({ content: "<think>hm</think>\nHello" }),
      ],
      { ...said, reasoning: "hm" },
    ],
    "with its thinking in tags and in a field": [
      [whole({ reasoning_content: "hm", content: "<think>\nhm\n</think>\nHello" })],
      { ...said, reasoning: "hm" },
    ],
    "behind what may have become a tag": [
      [chunk({ content: "<thi" }), whole({ content: "<this>" })],
      { text: "<this>" },
    ],
  });

  test("that differs from its deltas fails the answer: nobody knows which of them it is", () => {
    const { text, last, message } = readAnswer([...deltas, whole({ content: "Goodbye" })]);
    expect([text, last]).toEqual(["Hello", "provider_malformed"]);
    expect(message).toContain("a whole message that differs from its deltas");
  });

  test("whose reason is the only one is finished", () => {
    expect(readAnswer([...deltas, whole({ content: "Hello" })]).last).toMatchObject(FINISHED);
    const open = whole({ content: "Hello" }, { finish_reason: null });
    expect(readAnswer([...deltas, open]).last).toBe("provider_cut");
  });
});

describe("calls", () => {
  const called = (given: unknown, more: object = { index: 0, id: "c1" }) => ({
    ...more,
    type: "function",
    function: { name: "now", arguments: given },
  });
  const END = chunk({}, { finish_reason: "tool_calls" });
  const calling = (...tool_calls: unknown[]) => chunk({ tool_calls });
  const now = { calls: [["now", '{"a":1}']], last: { finish: "tool_calls" } } as unknown as Outcome;
  const bare = { calls: [["now", "{}"]], last: { finish: "tool_calls" } } as unknown as Outcome;
  const ARGS = '{"a":1}';
  reads(
    {
      "without arguments": [[calling(called("")), END], bare],
      "with arguments that are null": [[calling(called(null)), END], bare],
      "with arguments that are absent": [[calling(called(undefined)), END], bare],
      "with arguments that are blank": [
        [calling(called("")), calling({ index: 0, function: { arguments: "" } }), END],
        bare,
      ],
      "whole in one chunk": [[calling(called(ARGS)), END], now],
      "in the chunk that finishes": [
        [chunk({ tool_calls: [called(ARGS)] }, { finish_reason: "tool_calls" })],
        now,
      ],
      "whole, and once more": [[calling(called(ARGS)), calling(called(ARGS)), END], now],
      "in pieces, and once more as a whole": [
        [
          calling(called('{"a":')),
          calling({ index: 0, function: { arguments: "1}" } }),
          calling(called('{"a": 1}')),
          END,
        ],
        now,
      ],
      "once more without an index": [
        [calling(called(ARGS)), chunk({ tool_calls: [called(ARGS, { id: "c1" })] }), END],
        now,
      ],
      "once more in a whole message": [
        [calling(called(ARGS)), whole({ content: null, tool_calls: [called(ARGS, { id: "c1" })] })],
        now,
      ],
      "once more in a whole message, under another id": [
        [calling(called(ARGS)), whole({ tool_calls: [called(ARGS, { id: "other" })] })],
        now,
      ],
      "that a whole message completes": [
        [calling(called('{"a"')), whole({ tool_calls: [called(ARGS, { id: "c1" })] })],
        now,
      ],
      "only in a whole message": [[whole({ tool_calls: [called(ARGS, { id: "c1" })] })], now],
      "with a text for an index": [
        [
          calling(called('{"a":', { index: "0", id: "c1" })),
          calling({ index: "0", function: { arguments: "1}" } }),
          END,
        ],
        now,
      ],
      "without a list around it": [[chunk({ tool_calls: called(ARGS) }), END], now],
      "without `function` around it": [
        [calling({ index: 0, id: "c1", name: "now", arguments: { a: 1 } }), END],
        now,
      ],
      "as a function_call": [
        [
          chunk({ function_call: { name: "now", arguments: '{"a"' } }),
          chunk({ function_call: { arguments: ":1}" } }),
          chunk({}, { finish_reason: "function_call" }),
        ],
        now,
      ],
      "as a function_call without arguments": [
        [chunk({ function_call: { name: "now" } }), chunk({}, { finish_reason: "function_call" })],
        bare,
      ],
      "as a function_call of a whole message": [
        [whole({ content: null, function_call: { name: "now", arguments: ARGS } })],
        now,
      ],
      "in both forms": [
        [
          chunk({ tool_calls: [called(ARGS)], function_call: { name: "now", arguments: ARGS } }),
          END,
        ],
        now,
      ],
    },
    { mayCall: true },
  );

  test("an answer that was cut short is not given arguments", () => {
    const length = chunk({}, { finish_reason: "length" });
    const { calls, last } = readAnswer([calling(called("")), length], { mayCall: true });
    expect([calls, last]).toMatchObject([[["now", ""]], { finish: "length" }]);
  });

  test("two calls of one function with the same arguments are two", () => {
    const second = called(ARGS, { index: 1, id: "c2" });
    const { calls } = readAnswer([calling(called(ARGS), second), END], { mayCall: true });
    expect(calls).toHaveLength(2);
  });

  test("a whole message that calls something else fails the answer", () => {
    const other = called('{"a":2}', { id: "c1" });
    const body = [calling(called(ARGS)), whole({ tool_calls: [other] })];
    expect(readAnswer(body, { mayCall: true }).last).toBe("provider_malformed");
  });
});

describe("usage", () => {
  const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
  const hi = chunk({ content: "Hi" });
  const shapes: Readonly<Record<string, readonly string[]>> = {
    "in a chunk of its own": [hi, STOP, frame({ choices: [], usage })],
    "without choices beside it": [hi, STOP, frame({ usage })],
    "in the last chunk": [hi, chunk({}, { finish_reason: "stop" }, { usage })],
    "in the choice": [hi, chunk({}, { finish_reason: "stop", usage })],
    "under the provider's own name": [hi, STOP, frame({ x_groq: { usage } })],
    "growing, and null in between": [
      chunk({ content: "H" }, {}, { usage: { ...usage, completion_tokens: 2 } }),
      chunk({ content: "i" }, {}, { usage: null }),
      chunk({}, { finish_reason: "stop" }, { usage }),
    ],
    "in the words of the Responses API": [
      hi,
      STOP,
      frame({ usage: { input_tokens: 3, output_tokens: 5 } }),
    ],
    "as texts": [hi, STOP, frame({ usage: { prompt_tokens: "3", completion_tokens: "5" } })],
    "as a sum and a part": [hi, STOP, frame({ usage: { prompt_tokens: 3, total_tokens: 8 } })],
    "before something that says nothing": [hi, STOP, frame({ usage }), frame({ usage: {} })],
  };
  it.each(Object.entries(shapes))("%s", (_, body) => {
    const last = { finish: "stop", usage: { inputTokens: 3, outputTokens: 5 } };
    expect(readAnswer([...body, DONE])).toMatchObject({ text: "Hi", last });
  });
});

describe("a reason behind which something comes was none", () => {
  const said = (content: string, rest: object = {}) => chunk({ content }, rest);
  const stop = { finish_reason: "stop" };
  reads({
    "where each piece has one": [
      [said("a", stop), said("b", stop), said("c", stop), DONE],
      { text: "abc" },
    ],
    "where the last piece has one again": [
      [said("a", stop), said("b"), said("c", stop)],
      { text: "abc" },
    ],
  });

  it.each([
    ["text", said("b"), {}],
    ["thinking", chunk({ reasoning: "hm" }), {}],
    ["a refusal", chunk({ refusal: "no" }), {}],
    [
      "a call",
      chunk({ tool_calls: [{ index: 0, id: "c", function: { name: "f" } }] }),
      { mayCall: true },
    ],
    ["text that may become a tag", said("<"), {}],
  ])("%s", (_, more, options) => {
    const begin = said("", { ...stop });
    expect(readAnswer([begin, more], options).last).toBe("provider_cut");
    expect(readAnswer([begin, more, DONE], options).last).toBe("provider_cut");
    expect(readAnswer([begin, more, STOP, DONE], options).last).toMatchObject({ type: "finished" });
  });

  test("half an event behind it is a loss where reasons came with every piece", () => {
    const half = 'data: {"choices":[{"delta":{"con';
    expect(readAnswer([said("a", stop), said("b", stop), half]).last).toBe("provider_cut");
  });
});

describe("an end marker without a reason", () => {
  const hi = chunk({ content: "Hi" });
  const nvidia = { kind: "nvidia", finishesWithDone: true } as const;
  it.each([
    ["is a cut", [hi, DONE], {}, "provider_cut"],
    ["is the end where the provider has no reasons", [hi, DONE], nvidia, FINISHED],
    ["is no end there without the marker", [hi], nvidia, "provider_cut"],
    [
      "is no end there behind thinking alone",
      [chunk({ reasoning: "hm" }), DONE],
      nvidia,
      "provider_cut",
    ],
    ["is an empty answer there behind nothing", [DONE], nvidia, "provider_empty"],
    [
      "does not hide a failure there",
      [hi, chunk({}, { finish_reason: "error" }), DONE],
      nvidia,
      "provider_cut",
    ],
  ])("%s", (_, body, options, last) => {
    expect(readAnswer(body, options).last).toEqual(
      typeof last === "string" ? last : expect.objectContaining(last),
    );
  });

  test("is the end of a call only where its arguments are whole", () => {
    const calling = (given: string) => [
      chunk({ tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: given } }] }),
      DONE,
    ];
    const options = { ...nvidia, mayCall: true };
    expect(readAnswer(calling('{"a":1}'), options).last).toMatchObject({ finish: "tool_calls" });
    expect(readAnswer(calling('{"a":'), options).last).toBe("provider_cut");
  });
});

describe("what is not understood fails the answer and is named without its content", () => {
  const secret = 4242;
  const rows: Readonly<Record<string, readonly [string, string]>> = {
    "content that is a number": [chunk({ content: secret }), "content is of type number"],
    "a part of an unknown type": [
      chunk({ content: [{ type: "secret", secret }] }),
      "content[] is a part of no known type",
    ],
    "a part that no text can be made of": [
      chunk({ content: [{ type: "image_url", image_url: { url: "secret" } }] }),
      "content[] is a part of type image_url",
    ],
    "a part's text that is a list": [
      chunk({ content: [{ type: "text", text: [secret] }] }),
      "content[].text is of type list",
    ],
    "thinking that is a number": [chunk({ reasoning: secret }), "reasoning is of type number"],
    "thinking without a bottom": [
      chunk({
        reasoning: Array(20)
          .fill(0)
          .reduce((inner: unknown) => [inner], "secret"),
      }),
      "is nested without end",
    ],
    "a refusal that is a number": [chunk({ refusal: secret }), "refusal is of type number"],
    "a delta that is a text": [chunk("secret"), "delta is of type string"],
    "choices that are an object": [frame({ choices: { secret } }), "choices is of type object"],
    "a choice that is a text": [frame({ choices: ["secret"] }), "choices[] is of type string"],
    "choices of two answers": [
      frame({ choices: [0, 1].map((index) => ({ index, delta: { content: "secret" } })) }),
      "choices of more than one answer",
    ],
    "a reason that is an object": [
      chunk({}, { finish_reason: { secret } }),
      "finish_reason is of type object",
    ],
    "usage that is a list": [frame({ usage: [secret] }), "usage is of type list"],
    "usage of objects": [
      frame({ usage: { prompt_tokens: { secret }, completion_tokens: 1 } }),
      "usage.prompt_tokens is of type object",
    ],
    "calls that are a text": [chunk({ tool_calls: "secret" }), "tool_calls[] is of type string"],
    "a function_call that is a text": [
      chunk({ function_call: "secret" }),
      "function_call is of type string",
    ],
    "an event that is a text": [frame("secret"), "an event is of type string"],
  };
  it.each(Object.entries(rows))("%s", (_, [event, detail]) => {
    const { text, last, message } = readAnswer([chunk({ content: "Hi" }), event, STOP, DONE], {
      mayCall: true,
    });
    expect([text, last]).toEqual(["Hi", "provider_malformed"]);
    expect(message).toContain(detail);
    expect(message).not.toMatch(/secret|4242/);
  });

  test("a field that carries nothing of the answer may be anything", () => {
    const odd = { annotations: 1, audio: "x", citations: {}, logprobs: [2], stop_reason: [] };
    const body = [chunk({ content: "Hi", ...odd }, odd, odd), STOP, DONE];
    expect(readAnswer(body)).toMatchObject({ text: "Hi", last: FINISHED });
  });
});
