import { expect, test } from "vitest";
import { differenceOf } from "./difference.ts";

const SAID = "one two three four";

test.each([
  [SAID, undefined],
  ["one two three", "lost"],
  ["two three four", "lost"],
  ["one three four", "lost"],
  ["one two two three four", "repeated"],
  ["one two three four four", "repeated"],
  ["one three two four", "reordered"],
  ["one two drei vier", "spliced"],
  ["one two three four five", "spliced"],
  ["something else", "wrong text"],
])("%j is %j", (got, difference) => {
  expect(differenceOf(got, SAID)).toBe(difference);
});
