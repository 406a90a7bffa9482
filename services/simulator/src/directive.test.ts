import { expect, test } from "vitest";
import { answerFor } from "./answer-for.ts";
import { type Directive, directive, readDirective } from "./directive.ts";

test("a directive is read back as it was written", () => {
  const fields: Directive = { pieces: ["a", "\n", "中"], gapMs: 3, stallAfter: 1, usage: false };
  expect(readDirective(directive(fields))).toEqual({ ok: true, directive: fields });
});

test("an ordinary prompt asks for nothing special", () => {
  expect(readDirective("what is sim: about?")).toEqual({ ok: true, directive: {} });
});

test.each([
  ["sim:", /not JSON/],
  ["sim:{oops", /not JSON/],
  ["sim:[]", /expected object/],
  ['sim:{"cutAftr":3}', /cutAftr/],
  ['sim:{"gapMs":"3"}', /gapMs: .*number/],
  ['sim:{"chunkBytes":0}', /chunkBytes/],
  ['sim:{"newline":"lfcr"}', /newline/],
  ['sim:{"text":"a","pieces":["a"]}', /text and pieces exclude each other/],
  ['sim:{"cutAfter":1,"status":500}', /status and cutAfter exclude each other/],
  ['sim:{"body":"x"}', /body needs status/],
])("%s is refused with the reason", (message, reason) => {
  const read = readDirective(message);
  expect(read.ok ? "" : read.problem).toMatch(reason);
});

test("the answer depends on prompt and profile, and is Chinese for a Chinese prompt", () => {
  const answer = answerFor({ prompt: "hello", profile: "zhipu" });
  expect(answerFor({ prompt: "hello", profile: "zhipu" })).toBe(answer);
  expect(answerFor({ prompt: "hello", profile: "hunyuan" })).not.toBe(answer);
  expect(answerFor({ prompt: "hello!", profile: "zhipu" })).not.toBe(answer);
  expect(answerFor({ prompt: "请介绍 Redis" })).toMatch(/^[\p{Script=Han}]/u);
});

test("the answer to a directive is the text it spells out, or the one its seed gives", () => {
  expect(answerFor({ prompt: directive({ text: "as told" }) })).toBe("as told");
  expect(answerFor({ prompt: directive({ pieces: ["a", "b"], cutAfter: 1 }) })).toBe("ab");
  const seeded = directive({ seed: 4, words: 9 });
  expect(answerFor({ prompt: seeded, profile: "zhipu" })).toBe(
    answerFor({ prompt: seeded, profile: "nvidia1" }),
  );
  expect(() => answerFor({ prompt: "sim:{" })).toThrow(RangeError);
});
