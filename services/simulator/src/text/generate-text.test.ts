import { expect, test } from "vitest";
import { generateText, type Language } from "./generate-text.ts";
import { piecesFor } from "./pieces.ts";

const LANGUAGES: readonly Language[] = ["en", "zh"];

test("the same seed gives the same text, another seed another one", () => {
  for (const language of LANGUAGES) {
    const text = generateText({ language, seed: 7 });
    expect(generateText({ language, seed: 7 })).toBe(text);
    expect(generateText({ language, seed: 8 })).not.toBe(text);
  }
});

test("a text of the default length has 40 to 80 pieces and ends with a sentence", () => {
  for (const language of LANGUAGES) {
    for (let seed = 0; seed < 500; seed += 1) {
      const text = generateText({ language, seed });
      expect(text).toMatch(/[.?。”]$|reply\.$/);
      expect(piecesFor(text).length).toBeGreaterThanOrEqual(40);
      expect(piecesFor(text).length).toBeLessThanOrEqual(80);
    }
  }
});

test("a length asked for is met exactly", () => {
  for (const language of LANGUAGES) {
    for (const words of [0, 1, 2, 3, 17, 250]) {
      for (let seed = 0; seed < 50; seed += 1) {
        expect(piecesFor(generateText({ language, seed, words }))).toHaveLength(words);
      }
    }
  }
});

test("pieces are a word with the space before it, or one or two Chinese characters", () => {
  expect(piecesFor("Hello there, world.")).toEqual(["Hello", " there,", " world."]);
  expect(piecesFor("你好，世界的人。")).toEqual(["你好", "，", "世界", "的人", "。"]);
  expect(piecesFor("共 30 种")).toEqual(["共", " 30", " 种"]);
});

test("pieces joined are the text, whatever it is", () => {
  for (const text of ["", " ", "a\n\n b  ", "中a文 🎉🎉 é\u0301", "\ud83d", "“好”…\t"]) {
    expect(piecesFor(text).join("")).toBe(text);
  }
});
