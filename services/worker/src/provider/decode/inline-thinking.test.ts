import { describe, expect, it } from "vitest";
import { InlineThinking } from "./inline-thinking.ts";

function split(pieces: readonly string[], midText = false) {
  const thinking = new InlineThinking({ midText });
  const parts = [...pieces.map((piece) => thinking.push(piece)), thinking.flush()];
  return [parts.map(({ reasoning }) => reasoning).join(""), parts.map(({ text }) => text).join("")];
}

describe.each(["whole", "by character"])("an answer read %s", (how) => {
  const read = (answer: string) => split(how === "whole" ? [answer] : [...answer]);

  it.each([
    ["<think>hm\n</think>\n\nHi", "hm\n", "Hi"],
    ["\n <think>hm</think>Hi", "hm", "Hi"],
    ["<think></think>Hi", "", "Hi"],
    ["<think>a < b </thin </think>Hi", "a < b </thin ", "Hi"],
    ["<think>never closed </thi", "never closed </thi", ""],
    ["Hi", "", "Hi"],
    ["\n\n  Hi", "", "\n\n  Hi"],
    ["A <think> tag </think>", "", "A <think> tag </think>"],
    ["<thin air>", "", "<thin air>"],
    ["<thi", "", "<thi"],
    ["<think>x</think>\ny\n<think>z</think>", "x", "y\n<think>z</think>"],
  ])("%j", (answer, reasoning, text) => {
    expect(read(answer)).toEqual([reasoning, text]);
  });
});

it("text that cannot begin a tag is not held back", () => {
  const thinking = new InlineThinking({ midText: false });
  expect(thinking.push("<b")).toEqual({ reasoning: "", text: "<b" });
});

it("a continuation never begins with thinking", () => {
  expect(split(["<think>", "x"], true)).toEqual(["", "<think>x"]);
});
