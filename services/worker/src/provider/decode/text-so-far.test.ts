import { expect, it } from "vitest";
import { SurrogateJoiner } from "./text-so-far.ts";

it("joins a character split between two deltas", () => {
  const joiner = new SurrogateJoiner();
  expect(joiner.push("a\ud83c")).toBe("a");
  expect(joiner.push("\udf19b")).toBe("🌙b");
  expect(joiner.flush()).toBe("");
});

it("holds back nothing else", () => {
  const joiner = new SurrogateJoiner();
  expect(joiner.push("")).toBe("");
  expect(joiner.push("🌙")).toBe("🌙");
  expect(joiner.push("静")).toBe("静");
});

it("gives a half that never found its other half, in its place", () => {
  const joiner = new SurrogateJoiner();
  expect(joiner.push("\ud83c")).toBe("");
  expect(joiner.push("")).toBe("");
  expect(joiner.push("x\ud83c")).toBe("\ud83cx");
  expect(joiner.flush()).toBe("\ud83c");
  expect(joiner.flush()).toBe("");
});
