import { expect, test } from "vitest";
import { RepeatFilter } from "./repeat-filter.ts";

test("passes everything of a first attempt", () => {
  const filter = new RepeatFilter();
  expect(filter.pass("Hello ")).toBe("Hello ");
  expect(filter.pass("world")).toBe("world");
  expect(filter.isBehind).toBe(false);
});

test("drops text that the client already has, in any pieces, then goes on", () => {
  const filter = new RepeatFilter();
  filter.pass("Hello wor");
  filter.restart();
  expect(filter.isBehind).toBe(true);
  expect(["He", "llo", " ", "world", "!"].map((text) => filter.pass(text))).toEqual([
    "",
    "",
    "",
    "ld",
    "!",
  ]);
});

test("answers undefined at the first difference", () => {
  const filter = new RepeatFilter();
  filter.pass("Hello world");
  filter.restart();
  expect(filter.pass("Hello ")).toBe("");
  expect(filter.pass("there")).toBeUndefined();
});

test("is behind while the later attempt has said less than the client has", () => {
  const filter = new RepeatFilter();
  filter.pass("Hello world");
  filter.restart();
  filter.pass("Hello");
  expect(filter.isBehind).toBe(true);
});

test("works for a third attempt as for the second", () => {
  const filter = new RepeatFilter();
  filter.pass("abc");
  filter.restart();
  filter.pass("abcd");
  filter.restart();
  expect(filter.pass("abcde")).toBe("e");
});
