import { describe, expect, test } from "vitest";
import { BareTextFramer } from "./bare-text-framer.ts";

function frame(pieces: readonly string[]): string[] {
  const framer = new BareTextFramer();
  return [...pieces.flatMap((piece) => framer.push(piece)), ...framer.end()];
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return ["NaN", "Infinity", "-Infinity"].includes(text.trim());
  }
}

function expectSafe(pieces: readonly string[]): void {
  const frames = frame(pieces);
  expect(frames.join("")).toBe(pieces.join(""));
  expect(frames.filter(parses)).toEqual([]);
  expect(frames).not.toContain("");
}

describe("frames never parse as JSON and join to the text", () => {
  test.each([
    [["1", "2", "true", '"x"', '{"type":"done"}', " and then some words"]],
    [["Some words: ", "1", "2", "true", '"x"', '{"type":"done"}']],
    [["The answer is ", "42"]],
    [["The answer is", " ", "4", "2", ".", "5", "e", "1", "0"]],
    [["true"]],
    [["null"]],
    [['"a"']],
    [["{}"]],
    [["[1]", "[2]"]],
    [['{"type":"done"}']],
    [[' {"type":"error"} ']],
    [["NaN"]],
    [["-", "Infinity"]],
    [["x", "-", "1"]],
    [["A", "1"]],
    [["1", "e5 apples"]],
    [["1\n2\n3"]],
    [["1", "\n", "2", "\n", "3"]],
    [["[", "]", "{", "}"]],
    [["🙂", "1"]],
    [["你", "1", "好"]],
    [["12", " ", "monkeys"]],
  ])("%j", (pieces) => expectSafe(pieces));
});

test("any pieces of JSON-like text, cut anywhere, stay safe (5,000 seeded tries)", () => {
  const words = ["1", "-2", "0", ".5", "e3", " ", "\n", "true", '"', "{", "}", "[", "]", ",", ":"];
  words.push("null", "NaN", "Infinity", "a", "你", "🙂", "x1", "-", "+");
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  for (let round = 0; round < 5_000; round += 1) {
    const pieces = Array.from({ length: 1 + random(7) }, () => words[random(words.length)] ?? "");
    const whole = pieces.join("").trim();
    const isNumber = whole === "" || /^-?\d/.test(whole) ? parses(pieces.join("")) : false;
    if (!isNumber) expectSafe(pieces);
  }
});

test("an answer that is one number is sent as it is, once", () => {
  expect(frame(["4", "2"])).toEqual(["42"]);
});

test("holds back one character of ordinary text, two code units of an emoji", () => {
  const framer = new BareTextFramer();
  expect(framer.push("Hello")).toEqual(["Hell"]);
  expect(framer.push(" 🙂")).toEqual(["o "]);
  expect(framer.end()).toEqual(["🙂"]);
});

test("a long count of numbers keeps flowing", () => {
  const framer = new BareTextFramer();
  let sent = 0;
  for (let count = 1; count <= 1_000; count += 1) {
    sent += framer.push(`${count}\n`).join("").length;
  }
  const total = Array.from({ length: 1_000 }, (_, index) => `${index + 1}\n`).join("").length;
  expect(total - sent).toBeLessThan(12);
});

test("holds at most 512 bare digits", () => {
  const framer = new BareTextFramer();
  let sent = 0;
  for (let round = 0; round < 100; round += 1) sent += framer.push("1".repeat(50)).join("").length;
  expect(5_000 - sent).toBeLessThanOrEqual(512);
});
