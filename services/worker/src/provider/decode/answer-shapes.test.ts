/** Every form in which text, thinking and refusals come, each told once and none lost. */
import { describe, expect, test } from "vitest";
import {
  chunk,
  FINISHED,
  frame,
  readAnswer,
  reads,
  STOP,
  whole,
} from "../../testing/read-answer.ts";

const thinking = (thought: unknown) => [{ type: "thinking", thinking: thought }];
const part = (text: string) => ({ type: "text", text });

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
    "in a field and in tags, with white space in pieces of its own": [
      [
        chunk({ reasoning: "hm, so" }),
        ...["<think>", "\n", " hm,", " ", "so", "\n\n", "</think>", "\nHi"].map((content) =>
          chunk({ content }),
        ),
        STOP,
      ],
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

describe("a list of details behind thinking in a field", () => {
  const thought = (reasoning: string) => chunk({ reasoning });
  const details = (text?: string) =>
    chunk({ reasoning_details: [{ type: "reasoning.text", text, signature: "x", index: 0 }] });
  const hi = chunk({ content: "Hi" });
  const said = { reasoning: "hm, so", text: "Hi" };
  reads({
    "has it whole once more": [[thought("hm, "), thought("so"), details("hm, so"), hi, STOP], said],
    "has it whole behind the reason": [
      [thought("hm, "), thought("so"), hi, STOP, details("hm, so")],
      said,
    ],
    "has more of it": [[thought("hm, "), details("hm, so"), hi, STOP], said],
    "has what was thought since the last one": [
      [
        thought("h"),
        thought("m, "),
        details("hm, "),
        thought("s"),
        thought("o"),
        details("so"),
      ].concat(hi, STOP),
      said,
    ],
    "goes on with it": [[thought("hm, "), details("s"), details("o"), hi, STOP], said],
    "goes on with what only begins like it": [
      [thought("so so, "), details("so"), hi, STOP],
      { reasoning: "so so, so", text: "Hi" },
    ],
    "has only its signature": [[thought("hm, so"), details(), hi, STOP], said],
  });

  reads({
    "may hold the same piece twice, where there is no field": [
      [details("so"), details("so"), hi, STOP],
      { reasoning: "soso", text: "Hi" },
    ],
  });
});

describe.each(["thinking", "reasoning", "reasoning.text", "reasoning.summary"])(
  "a part of type %s that is only signed",
  (type) => {
    const signed = { type, signature: "x" };
    reads({
      "is empty in a list of thinking": [
        [chunk({ thinking_blocks: [signed], content: "Hi" }), STOP],
        { text: "Hi" },
      ],
      "is empty in the content": [[chunk({ content: [signed, part("Hi")] }), STOP], { text: "Hi" }],
    });
  },
);

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

  test("of a continuation may have the beginning that it continues", () => {
    const body = [chunk({ content: "lo" }), whole({ content: "Hello" })];
    expect(readAnswer(body, { mayBeEmpty: true })).toMatchObject({ text: "lo", last: FINISHED });
    expect(readAnswer(body).last).toBe("provider_malformed");
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
