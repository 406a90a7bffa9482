import type { Entry, LogPage, Position } from "@openclaw/stream";
import { describe, expect, test } from "vitest";
import { PartialAnswer, readPartial, textShown } from "./partial-answer.ts";

describe("what a user has been shown after several attempts", () => {
  test.each([
    ["of one, its text", ["Hello wor"], "Hello wor"],
    ["of one that went further, all of it", ["Hel", "Hello"], "Hello"],
    ["of one that stayed behind, what was there before", ["Hello", "Hel"], "Hello"],
    ["of one that said nothing, what was there before", ["Hello", ""], "Hello"],
    ["of one that differed, that one's", ["Hello", "Hi"], "Hi"],
  ])("%s", (_, texts, shown) => expect(textShown(texts)).toBe(shown));
});

type Row = readonly [epoch: number, seq: number, entry: Entry];
const started: Entry = { type: "started", provider: "p", model: "m" };
const text = (text: string): Entry => ({ type: "text", text });

/** A log that is read in pages of two. */
function logOf(rows: readonly Row[]) {
  return {
    async read(_runId: string, { epoch, seq }: Position): Promise<LogPage> {
      const behind = rows.filter(([e, s]) => e > epoch || (e === epoch && s > seq));
      const entries = behind
        .slice(0, 2)
        .map(([epoch, seq, entry]) => ({ position: { epoch, seq }, entry }));
      const end = { epoch: rows.at(-1)?.[0] ?? 0, seq: rows.at(-1)?.[1] ?? 0 };
      return { entries, complete: behind.length < 2, end, isEnded: false };
    },
  };
}

const BROKEN_OFF: readonly Row[] = [
  [1, 0, started],
  [1, 1, { type: "reasoning", text: "hm" }],
  [1, 2, text("Hello ")],
  [1, 3, text("wor")],
  [2, 0, started],
];
const tool = { type: "function", function: { name: "f" } } as const;
const user = { role: "user", content: "hi" } as const;

async function partialOf(
  rows: readonly Row[],
  { canContinue = true, epoch = 2, ...job }: { canContinue?: boolean; epoch?: number } & object,
) {
  const context = { provider: { canContinue }, records: logOf(rows), epoch, isFirst: epoch === 1 };
  return (await readPartial({ runId: "r", messages: [user], ...job }, context))?.given;
}

describe("an attempt continues", () => {
  test("the text of the one before, without its reasoning, from every page of the log", async () => {
    expect(await partialOf(BROKEN_OFF, {})).toBe("Hello wor");
  });

  test("what was asked for with fields that ask for nothing but text", async () => {
    const passed = { seed: 7, response_format: { type: "text" } } as const;
    const job: object = { passed };
    expect(await partialOf(BROKEN_OFF, job)).toBe("Hello wor");
  });

  test("a text that was itself a continuation, as a whole", async () => {
    const rows: Row[] = [...BROKEN_OFF, [2, 1, text("Hello wor")], [2, 2, text("ld, a")]];
    expect(await partialOf([...rows, [3, 0, started]], { epoch: 3 })).toBe("Hello world, a");
  });

  test("what was said before an attempt that said nothing", async () => {
    expect(await partialOf([...BROKEN_OFF, [3, 0, started]], { epoch: 3 })).toBe("Hello wor");
  });

  test.each([
    ["where it is the first", BROKEN_OFF, { epoch: 1 }],
    ["where its provider cannot", BROKEN_OFF, { canContinue: false }],
    ["what is not to be built upon", BROKEN_OFF, { anew: true }],
    [
      "behind an answer that the client began",
      BROKEN_OFF,
      { messages: [user, { role: "assistant", content: "Well," }] },
    ],
    ["where tools might be called", BROKEN_OFF, { passed: { tools: [tool] } }],
    ["of what is to be JSON", BROKEN_OFF, { passed: { response_format: { type: "json_object" } } }],
    ["of what is to follow a guide", BROKEN_OFF, { extra: { guided_regex: "[0-9]+" } }],
    [
      "where nothing was said",
      [
        [1, 0, started],
        [2, 0, started],
      ],
      {},
    ],
    [
      "white space",
      [
        [1, 0, started],
        [1, 1, text(" \n")],
      ],
      {},
    ],
    [
      "more than 64 Ki characters",
      [
        [1, 0, started],
        [1, 1, text("x".repeat(65_537))],
      ],
      {},
    ],
  ] as const)("nothing %s", async (_, rows, options) => {
    expect(await partialOf(rows, options)).toBeUndefined();
  });
});

describe("the text so far and its continuation make one text", () => {
  const joined = (partial: string, pieces: readonly string[]) => {
    const answer = new PartialAnswer(partial);
    return [...pieces, ""].map((piece) => answer.pass(piece));
  };

  test.each([
    ["in the middle of a word", "Hello wor", ["ld", "!"], ["Hello world", "!", ""]],
    ["where nothing was left to say", "Hello", [], ["Hello"]],
    ["behind white space that comes again", "Hello ", [" world"], ["Hello world", ""]],
    ["behind white space that does not", "Hello ", ["world"], ["Hello world", ""]],
    [
      "behind white space that comes in pieces",
      "a:\n\n",
      ["\n", "\n", "b"],
      ["a:\n\n", "", "b", ""],
    ],
    ["behind white space that goes on", "if:\n  ", ["\n    x"], ["if:\n    x", ""]],
    ["behind white space that comes otherwise", "a ", ["\n\nb"], ["a \n\nb", ""]],
    ["behind a character of two units", "a 😀", ["😀", " b"], ["a 😀😀", " b", ""]],
  ])("%s", (_, partial, pieces, written) => expect(joined(partial, pieces)).toEqual(written));

  test("white space at the end is not given to the provider", () => {
    expect(new PartialAnswer("Hello \n").given).toBe("Hello");
  });
});

test("a refusal is not continued: the next attempt begins again", async () => {
  const refused: Entry = { type: "text", text: "I can't", isRefusal: true };
  const rows: readonly Row[] = [
    [1, 0, started],
    [1, 1, text("Well. ")],
    [1, 2, refused],
    [2, 0, started],
  ];
  expect(await partialOf(rows, {})).toBeUndefined();
});
