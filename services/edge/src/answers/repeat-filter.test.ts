import { expect, test } from "vitest";
import { RepeatFilter } from "./repeat-filter.ts";

test("passes everything of a first attempt", () => {
  const curtain = new RepeatFilter();
  expect(curtain.pass("Hello ")).toBe("Hello ");
  expect(curtain.pass("world")).toBe("world");
  expect(curtain.isDrawn).toBe(false);
});

test("swallows what the client already has, in whatever pieces it comes, then goes on", () => {
  const curtain = new RepeatFilter();
  curtain.pass("Hello wor");
  curtain.draw();
  expect(curtain.isDrawn).toBe(true);
  expect(["He", "llo", " ", "world", "!"].map((text) => curtain.pass(text))).toEqual([
    "",
    "",
    "",
    "ld",
    "!",
  ]);
});

test("says so at the first difference", () => {
  const curtain = new RepeatFilter();
  curtain.pass("Hello world");
  curtain.draw();
  expect(curtain.pass("Hello ")).toBe("");
  expect(curtain.pass("there")).toBeUndefined();
});

test("stays drawn while the later attempt has said less than the client has", () => {
  const curtain = new RepeatFilter();
  curtain.pass("Hello world");
  curtain.draw();
  curtain.pass("Hello");
  expect(curtain.isDrawn).toBe(true);
});

test("works for a third attempt as for the second", () => {
  const curtain = new RepeatFilter();
  curtain.pass("abc");
  curtain.draw();
  curtain.pass("abcd");
  curtain.draw();
  expect(curtain.pass("abcde")).toBe("e");
});
