/** Every form in which calls and usage come. */
import { describe, expect, it, test } from "vitest";
import {
  chunk,
  DONE,
  frame,
  type Outcome,
  readAnswer,
  reads,
  STOP,
  whole,
} from "../../testing/read-answer.ts";

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
    "before one of zeros": [
      hi,
      STOP,
      frame({ usage }),
      frame({ usage: { prompt_tokens: 0, completion_tokens: 0 } }),
    ],
    "in the delta": [hi, chunk({ usage }, { finish_reason: "stop" })],
    "in camel case": [hi, STOP, frame({ usage: { promptTokens: 3, completionTokens: 5 } })],
    "in camel case of another kind": [
      hi,
      STOP,
      frame({ usage: { inputTokens: 3, outputTokens: 5 } }),
    ],
    "in Google's words": [
      hi,
      STOP,
      frame({ usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 5 } }),
    ],
    "in two halves": [
      chunk({ content: "Hi" }, {}, { usage: { prompt_tokens: 3, completion_tokens: null } }),
      chunk({}, { finish_reason: "stop" }, { usage: { completion_tokens: 5 } }),
    ],
    "of each piece alone": [
      chunk({ content: "H" }, {}, { usage: { prompt_tokens: 3, completion_tokens: 4 } }),
      chunk({ content: "i" }, {}, { usage: { prompt_tokens: 3, completion_tokens: 1 } }),
      STOP,
    ],
    "of each piece alone, and of all": [
      chunk({ content: "H" }, {}, { usage: { prompt_tokens: 3, completion_tokens: 3 } }),
      chunk({ content: "i" }, {}, { usage: { prompt_tokens: 3, completion_tokens: 1 } }),
      chunk({}, { finish_reason: "stop" }, { usage }),
    ],
    "the same in each piece": [
      chunk({ content: "H" }, {}, { usage }),
      ...["i", "", ""].map((content) => chunk({ content }, {}, { usage })),
      STOP,
    ],
  };
  it.each(Object.entries(shapes))("%s", (_, body) => {
    const last = { finish: "stop", usage: { inputTokens: 3, outputTokens: 5 } };
    expect(readAnswer([...body, DONE])).toMatchObject({ text: "Hi", last });
  });
});

describe("usage of each piece alone", () => {
  const one = { prompt_tokens: 3, completion_tokens: 1 };
  const pieces = [..."Hello"].map((content) => chunk({ content }, {}, { usage: one }));

  it("is added up where a piece has one token", () => {
    const { last } = readAnswer([...pieces, STOP]);
    expect(last).toMatchObject({ usage: { inputTokens: 3, outputTokens: 5 } });
  });

  it("is not told where only the input shrinks: it may be of each piece, or of all", () => {
    const shrinking = [
      chunk({ content: "H" }, {}, { usage: { prompt_tokens: 3, completion_tokens: 2 } }),
      chunk({ content: "i" }, {}, { usage: { prompt_tokens: 0, completion_tokens: 3 } }),
    ];
    expect(readAnswer([...shrinking, STOP]).last).toMatchObject({ usage: undefined });
    const all = frame({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 5 } });
    expect(readAnswer([...shrinking, STOP, all]).last).toMatchObject({
      usage: { inputTokens: 3, outputTokens: 5 },
    });
  });

  it("is not told where the last one is less than all of them: one of the two is wrong", () => {
    const { last } = readAnswer([...pieces, STOP, frame({ usage: one })]);
    expect(last).toMatchObject({ finish: "stop", usage: undefined });
  });
});
