import { expect, test } from "vitest";
import { withoutClientWords } from "./client-words.ts";
import { readErrorText } from "./refusal.ts";

const LONG = "Why does my server answer that the rate limit is exceeded, and is my account empty?";
const ODD = 'She said "don\'t",\nand\t寒い: too many requests';
const python = (text: string) =>
  text
    .replaceAll("\\", "\\\\")
    .replaceAll("'", "\\'")
    .replaceAll("\n", "\\n")
    .replaceAll("\t", "\\t");
const json = (text: string) => JSON.stringify(text);
const ascii = (text: string) =>
  json(text).replace(
    /[^\0-\x7f]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

test.each<readonly [string, unknown, string, string]>([
  [
    "a field",
    { top_k: "too many requests" },
    "got 'too many requests' for top_k",
    "got '' for top_k",
  ],
  ["a field without marks", { top_k: "overloaded" }, "top_k: overloaded", "top_k: "],
  ["a short field between marks", { top_k: "busy" }, "'busy' is no number", "'' is no number"],
  ["no short field without", { top_k: "busy" }, "busy, try again", "busy, try again"],
  [
    "no word of the API",
    { limitName: "max_tokens" },
    "unsupported parameter: 'max_tokens'",
    "unsupported parameter: 'max_tokens'",
  ],
  ["a message", { messages: [{ content: LONG }] }, `bad: ${LONG}`, "bad: "],
  ["a part of a message", { messages: [{ content: [{ text: LONG }] }] }, `'${LONG}'`, "''"],
  ["a name that is no word of an API", { schema: { "at capacity": 1 } }, "no at capacity", "no "],
  ["JSON", { a: ODD }, `x ${json(ODD)} x`, 'x "" x'],
  ["JSON of a Python server", { a: ODD }, `x ${ascii(ODD)} x`, 'x "" x'],
  ["JSON in JSON", { a: ODD }, `x ${json(json(ODD))} x`, 'x "\\"\\"" x'],
  ["Python", { a: ODD }, `x '${python(ODD)}' x`, "x '' x"],
  ["Python in JSON", { a: ODD }, `x ${json(`'${python(ODD)}'`)} x`, `x "''" x`],
  [
    "what is left of a long text",
    { a: LONG },
    `input_value='${LONG.slice(0, 25)}...${LONG.slice(-24)}', input_type=str`,
    "input_value='...', input_type=str",
  ],
  [
    "the beginning of a text that is longer than any refusal",
    { a: `${LONG} `.repeat(1_000) },
    `'${LONG}' and more`,
    "'' and more",
  ],
  ["a text without ASCII", { a: "服务器繁忙，请稍后再试" }, "'服务器繁忙，请稍后再试'", "''"],
  ["the same as ASCII", { a: "服务器繁忙，请稍后再试" }, ascii("服务器繁忙，请稍后再试"), '""'],
  ["no word of the API", { messages: [{ role: "assistant" }] }, "an assistant", "an assistant"],
  ["no sentence of the provider's that the client has too", { a: `${LONG} x` }, LONG, LONG],
])("%s", (_, request, text, rest) => {
  const refusal = readErrorText({ error: { message: text } });
  expect(withoutClientWords(refusal, request).text).toBe(rest.trimStart().toLowerCase());
});

test("costs little, however much the client says", () => {
  const texts = Array.from({ length: 20_000 }, (_, n) => `${LONG} ${n} `.repeat(10));
  const refusal = readErrorText({ error: { message: `${LONG} `.repeat(50) } });
  const beganAt = performance.now();
  withoutClientWords(refusal, { messages: texts.map((content) => ({ content })) });
  expect(performance.now() - beganAt).toBeLessThan(5_000);
});
