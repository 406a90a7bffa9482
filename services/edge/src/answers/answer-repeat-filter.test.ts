import { expect, test } from "vitest";
import { AnswerRepeatFilter } from "./answer-repeat-filter.ts";

const call = (index: number, given: string, named: { id?: string; name?: string } = {}) =>
  ({ type: "tool_call", index, arguments: given, ...named }) as const;

test("a call that another attempt repeats in other pieces is known, and goes on where it was", () => {
  const filter = new AnswerRepeatFilter();
  const named = { id: "c1", name: "f" };
  expect(filter.call(call(0, '{"a"', named))).toEqual(call(0, '{"a"', named));
  expect(filter.call(call(0, ":1"))).toEqual(call(0, ":1"));
  filter.restart();
  expect(filter.call(call(0, "", named))).toBe("known");
  expect(filter.call(call(0, '{"a":'))).toBe("known");
  expect(filter.isBehind).toBe(true);
  expect(filter.call(call(0, "1}"))).toEqual(call(0, "}"));
  expect(filter.isBehind).toBe(false);
  const second = { id: "c2", name: "f" };
  expect(filter.call(call(1, "{}", second))).toEqual(call(1, "{}", second));
});

test("a call with another id, name or argument is another call", () => {
  for (const other of [
    call(0, "{}", { id: "c2", name: "f" }),
    call(0, "{}", { id: "c1", name: "g" }),
    call(0, "[]", { id: "c1", name: "f" }),
  ]) {
    const filter = new AnswerRepeatFilter();
    filter.call(call(0, "{}", { id: "c1", name: "f" }));
    filter.restart();
    expect(filter.call(other)).toBeUndefined();
  }
});

test("text and reasoning have filters of their own", () => {
  const filter = new AnswerRepeatFilter();
  expect(filter.reasoning("hm")).toBe("hm");
  expect(filter.text("yes")).toBe("yes");
  filter.restart();
  expect(filter.reasoning("hmm")).toBe("m");
  expect(filter.text("yes!")).toBe("!");
  filter.restart();
  expect(filter.reasoning("oh")).toBeUndefined();
});

test("an attempt without reasoning may follow an attempt with reasoning, if its text is as long", () => {
  const filter = new AnswerRepeatFilter();
  filter.reasoning("hm");
  filter.text("yes");
  filter.restart();
  expect(filter.isBehind).toBe(true);
  filter.text("yes");
  expect(filter.isBehind).toBe(false);
  filter.reasoning("h");
  expect(filter.isBehind).toBe(true);
});

test("the reasoning of one attempt does not stand before the answer of another", () => {
  const filter = new AnswerRepeatFilter();
  filter.reasoning("hm");
  filter.restart();
  expect(filter.text("yes")).toBeUndefined();
  expect(filter.call(call(0, "{}", { id: "c1", name: "f" }))).toBeUndefined();
  expect(filter.reasoning("hm")).toBe("");
  expect(filter.text("yes")).toBe("yes");
});

test("a refusal is filtered like text, and neither replaces the other", () => {
  const filter = new AnswerRepeatFilter();
  expect([filter.text("Well. "), filter.refusal("No.")]).toEqual(["Well. ", "No."]);
  filter.restart();
  expect([filter.text("Well. "), filter.isBehind]).toEqual(["", true]);
  expect([filter.refusal("No. Never."), filter.isBehind]).toEqual([" Never.", false]);
  filter.restart();
  expect(filter.refusal("No.")).toBeUndefined();
  filter.restart();
  expect([filter.text("Well. "), filter.text("Yes.")]).toEqual(["", undefined]);
});
