/** Text and thinking that a provider sends once more while it still speaks, in every manner of that. */
import { describe, expect, it } from "vitest";
import {
  chunk,
  FINISHED,
  frame,
  readAnswer,
  reads,
  STOP,
  whole,
} from "../../testing/read-answer.ts";

const grown = (...pieces: readonly string[]) =>
  pieces.map((_, at) => pieces.slice(0, at + 1).join(""));
const WORDS = ["Hello, ", "how ", "are ", "you?"];
const said = { text: WORDS.join("") };
const contents = (pieces: readonly string[]) => pieces.map((content) => chunk({ content }));

describe("pieces that have all text so far", () => {
  reads({
    "are told once": [[...contents(grown(...WORDS)), STOP], said],
    "are told once in Chinese": [
      [...contents(grown("你", "好", "，我", "是")), STOP],
      { text: "你好，我是" },
    ],
    "may repeat themselves": [
      [
        ...contents(grown(...WORDS).flatMap((piece, at) => (at === 0 ? [piece] : [piece, piece]))),
        STOP,
      ],
      said,
    ],
    "may be messages": [
      [
        ...grown(...WORDS).map((content) =>
          frame({ object: "chat.completion.chunk", choices: [{ message: { content } }] }),
        ),
        STOP,
      ],
      said,
    ],
    "may be followed by a whole message": [
      [...contents(grown("Hello, ", "you")), whole({ content: "Hello, you" })],
      { text: "Hello, you" },
    ],
    "may think between tags": [
      [...contents(grown("<think>", "hm, ", "so", "</think>", "\n", "Hi")), STOP],
      { reasoning: "hm, so", text: "Hi" },
    ],
  });

  it("fail once they begin again: the user was shown another text", () => {
    const body = [...contents([...grown(...WORDS), "Goodbye."]), STOP];
    expect(readAnswer(body).last).toBe("provider_malformed");
  });
});

describe("pieces that only look like all text so far", () => {
  reads({
    "where two of them do": [
      [...contents(["Row, ", "Row, row, ", "boat"]), STOP],
      { text: "Row, Row, row, boat" },
    ],
    "at the end": [[...contents(["Row, ", "Row, row"]), STOP], { text: "Row, Row, row" }],
    "of one word": [
      [...contents(grown("ha", "ha", "ha", "ha")), STOP],
      { text: "hahahahahahahahahaha" },
    ],
    "of empty lines before the first words": [
      [...contents(["\n", "\n\n", "\n\nHello"]), STOP],
      { text: "\n\n\n\n\nHello" },
    ],
    "of few signs": [
      [...contents(grown("1", "2", "3", "3")), chunk({ content: "so" }), STOP],
      { text: "1121231233so" },
    ],
    "that are the same, beside all so far, each with a reason": [
      ["\n", "\n", "x"].map((content, at) => {
        const message = { content: "\n\nx".slice(0, at + 1) };
        return frame({ choices: [{ delta: { content }, message, finish_reason: "stop" }] });
      }),
      { text: "\n\nx" },
    ],
    "that are the same": [
      [...contents(["no ", "no ", "no ", "no "]), STOP],
      { text: "no no no no " },
    ],
    "of the first one, later on": [
      [...contents(["H", "ey. ", "He", "Hel", "Hello"]), STOP],
      { text: "Hey. HeHelHello" },
    ],
    "later on": [
      [...contents(["So: ", ...grown(...WORDS)]), STOP],
      { text: `So: ${grown(...WORDS).join("")}` },
    ],
  });

  it("are held back for a piece only, and not behind what comes after", () => {
    const calls = [{ index: 0, id: "a", function: { name: "f", arguments: "{}" } }];
    const body = [...contents(["Row, ", "Row, row"]), chunk({ tool_calls: calls }), STOP];
    expect(readAnswer(body, { mayCall: true }).text).toBe("Row, Row, row");
  });
});

describe("thinking that has all so far", () => {
  const hi = chunk({ content: "Hi" });
  const thought = { reasoning: "I ponder it.", text: "Hi" };
  const pieces = grown("I ", "ponder ", "it.");
  reads({
    "in a field": [
      [...pieces.map((reasoning_content) => chunk({ reasoning_content })), hi, STOP],
      thought,
    ],
    "in a list": [
      [
        ...pieces.map((text) =>
          chunk({ content: "", reasoning_details: [{ type: "reasoning.text", text }] }),
        ),
        hi,
        STOP,
      ],
      thought,
    ],
    "in a list beside a field that has pieces": [
      [
        ...["I ", "ponder ", "it."].map((reasoning_content, at) =>
          chunk({
            reasoning_content,
            reasoning_details: [{ type: "reasoning.text", text: pieces[at] }],
          }),
        ),
        hi,
        STOP,
      ],
      thought,
    ],
    "that may be, and is not": [
      [chunk({ reasoning: "So " }), chunk({ reasoning: "So so" }), hi, STOP],
      { reasoning: "So So so", text: "Hi" },
    ],
  });
});

describe("a message with all so far beside each delta", () => {
  const beside = (object: string, ...pieces: readonly string[]) =>
    pieces.map((content, at) =>
      frame({
        object,
        choices: [
          {
            delta: { content },
            message: { role: "assistant", content: grown(...pieces)[at] },
            finish_reason: at === pieces.length - 1 ? "stop" : null,
          },
        ],
      }),
    );
  const thought = { reasoning: "\nhm.\n", text: "It is 4." };
  const thinking = ["<think>", "\nhm.", "\n</think>\n\n", "It ", "is ", "4."];
  const torn = ["<th", "ink>\nhm.\n", "</thi", "nk>\n\nIt ", "is ", "4."];
  reads({
    "is told once": [beside("chat.completion.chunk", ...WORDS), said],
    "is told once, whatever it is called": [beside("chat.completion", ...WORDS), said],
    "is told once, though its pieces look like all so far": [
      beside("chat.completion.chunk", "ha", "haha", "!"),
      { text: "hahaha!" },
    ],
    "is told once with thinking": [beside("chat.completion.chunk", ...thinking), thought],
    "is told once with tags in two pieces": [beside("chat.completion", ...torn), thought],
    "alone is told once": [
      grown(...thinking).map((content, at) =>
        frame({
          object: "chat.completion",
          choices: [{ message: { content }, finish_reason: at === 5 ? "stop" : null }],
        }),
      ),
      thought,
    ],
  });
});

describe("thinking in two places", () => {
  const hi = chunk({ content: "Hi" });
  const thought = { reasoning: "hm, so", text: "Hi" };
  reads({
    "in tags, then in a field": [
      [
        chunk({ content: "<think>hm, so</think>Hi" }),
        chunk({ content: "", reasoning_content: "hm, so" }),
        STOP,
      ],
      thought,
    ],
    "in tags, then in a list": [
      [
        chunk({ content: "<think>hm, so</think>Hi" }),
        chunk({ reasoning_details: [{ text: "hm, so" }] }),
        STOP,
      ],
      thought,
    ],
    "in tags, then another one in a field": [
      [chunk({ content: "<think>hm, </think>Hi" }), chunk({ reasoning_content: "so" }), STOP],
      thought,
    ],
    "in a field, then a lone closing tag": [
      [chunk({ reasoning_content: "hm, so" }), chunk({ content: "</think>\n\nHi" }), STOP],
      thought,
    ],
    "in reasoning_text": [[chunk({ reasoning_text: "hm, so" }), hi, STOP], thought],
  });
});

describe("deltas behind a whole message", () => {
  const [first = "", ...rest] = WORDS;
  const all = whole({ content: said.text });
  reads({
    "have it once more": [[all, chunk({ content: said.text }), STOP], said],
    "have it once more in pieces": [[all, ...contents([first, ...rest]), STOP], said],
    "go on": [[all, chunk({ content: " Well?" }), STOP], { text: `${said.text} Well?` }],
  });

  it("that begin alike and differ fail", () => {
    expect(readAnswer([all, ...contents([first, "you"]), STOP]).last).toBe("provider_malformed");
  });
});

describe("text beside a delta", () => {
  const text = (delta: object, more: string) => frame({ choices: [{ delta, text: more }] });
  reads({
    "is told where the delta has none": [
      [text({ role: "assistant" }, "Hel"), text({ content: null }, "l"), text({}, "o"), STOP],
      { text: "Hello" },
    ],
    "is told once where it is the same": [
      [text({ content: "Hello" }, "Hello"), STOP],
      { text: "Hello" },
    ],
  });
});

describe("content", () => {
  const part = { type: "text", content: "two " };
  reads({
    "in parts that call their text content": [
      [
        chunk({
          content: [{ type: "text", text: "One " }, part, { type: "text", value: "three" }],
        }),
        STOP,
      ],
      { text: "One two three" },
    ],
    "beside an empty list of images": [
      [chunk({ content: "Hi", images: [] }), STOP],
      { text: "Hi" },
    ],
  });

  it("of images is named and not left out", () => {
    const images = [{ type: "image_url", image_url: { url: "secret" } }];
    const { last, message } = readAnswer([chunk({ content: "Here: " }), chunk({ images }), STOP]);
    expect(last).toBe("provider_malformed");
    expect(message).toContain("images is of type list");
  });
});

describe("other tags of thinking", () => {
  const tags = [
    ["<thought>", "</thought>"],
    ["<thinking>", "</thinking>"],
    ["<seed:think>", "</seed:think>"],
    ["<mm:think>", "</mm:think>"],
    ["[THINK]", "[/THINK]"],
  ];
  reads(
    Object.fromEntries(
      tags.map(([open, close]) => [
        `${open} are read`,
        [[chunk({ content: `${open}hm${close}\n\nHi` }), STOP], { reasoning: "hm", text: "Hi" }],
      ]),
    ),
  );
  reads({
    "a second block is thinking as well": [
      [
        chunk({ content: "<think>hm, </think>\n" }),
        chunk({ content: "<think>so</think>\nHi" }),
        STOP,
      ],
      { reasoning: "hm, so", text: "Hi" },
    ],
    "a block behind text is text": [
      [chunk({ content: "<think>hm</think>Hi <think>" }), STOP],
      { reasoning: "hm", text: "Hi <think>" },
    ],
    "a closing tag without thinking is text": [
      [chunk({ content: "</think>Hi" }), STOP],
      { text: "</think>Hi" },
    ],
  });

  it("are finished", () =>
    expect(readAnswer(contents(["[THINK]x"]).concat(STOP)).last).toMatchObject(FINISHED));
});
