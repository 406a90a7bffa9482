/** What an answer says: text, thinking, a refusal and calls, drawn at random. */
import fc from "fast-check";

export interface PlannedCall {
  readonly name: string;
  /** JSON, or "" for none. */
  readonly given: string;
}

/** What is worth being cut in two, or looks like something else than text. */
const WORDS = [
  ...[
    "Hi",
    " there",
    "你好。",
    "😀",
    "👩‍💻",
    "\n",
    "\n\n",
    " ",
    '"',
    "\\",
    "\t",
    "a",
    "0",
    "null",
    "true",
  ],
  ...[
    "<",
    "<th",
    "think>",
    "</think>",
    "data: x",
    "[DONE]",
    "{",
    "}",
    "{}",
    "\u2028",
    "\r\n",
    "é",
    "&amp;",
  ],
];
const WHOLE_WORDS = fc.constantFrom(...WORDS);
const phrase = (minLength: number) =>
  fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: WHOLE_WORDS },
        fc.string({ unit: "grapheme", maxLength: 5 }),
      ),
      {
        minLength,
        maxLength: 7,
      },
    )
    .map((words) => words.join(""));

const text = phrase(1).map((words) =>
  /^\s*<\/?think>/.test(words) || words === "" ? `x${words}` : words,
);
/** Closing tags would end it; what is blank on both sides is compared without its blanks. */
const thought = phrase(1).map((words) => `hm${words.replaceAll("</think>", "")}.`);
const call: fc.Arbitrary<PlannedCall> = fc.record({
  name: fc.constantFrom("now", "get_weather", "f"),
  given: fc.oneof(
    { weight: 1, arbitrary: fc.constant("") },
    {
      weight: 30,
      arbitrary: fc
        .dictionary(
          fc.constantFrom("a", "b", "city", "}"),
          fc.oneof(phrase(0), fc.integer(), fc.constant({ c: [{}] })),
          {
            noNullPrototype: true,
            maxKeys: 3,
          },
        )
        .map((given) => JSON.stringify(given)),
    },
  ),
});
const calls = fc.array(call, { minLength: 1, maxLength: 3 });

/** What an answer consists of. */
export const SAID = fc.oneof(
  { weight: 44, arbitrary: fc.record({ text }) },
  { weight: 4, arbitrary: fc.record({ thought, text }) },
  { weight: 4, arbitrary: fc.record({ refusal: text }) },
  { weight: 10, arbitrary: fc.record({ calls }) },
  { weight: 3, arbitrary: fc.record({ text, calls }) },
  { weight: 1, arbitrary: fc.record({ thought, calls }) },
  { weight: 1, arbitrary: fc.record({ thought, text, calls }) },
  { weight: 1, arbitrary: fc.record({ thought }) },
  { weight: 1, arbitrary: fc.constant({}) },
);
