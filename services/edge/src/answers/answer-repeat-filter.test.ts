import { expect, test } from "vitest";
import { AnswerRepeatFilter } from "./answer-repeat-filter.ts";

const call = (index: number, given: string, named: { id?: string; name?: string } = {}) =>
  ({ type: "tool_call", index, arguments: given, ...named }) as const;

test("a call that another attempt repeats is known, however it is cut, and goes on where it was", () => {
  const curtain = new AnswerRepeatFilter();
  const named = { id: "c1", name: "f" };
  expect(curtain.call(call(0, '{"a"', named))).toEqual(call(0, '{"a"', named));
  expect(curtain.call(call(0, ":1"))).toEqual(call(0, ":1"));
  curtain.draw();
  expect(curtain.call(call(0, "", named))).toBe("known");
  expect(curtain.call(call(0, '{"a":'))).toBe("known");
  expect(curtain.isDrawn).toBe(true);
  expect(curtain.call(call(0, "1}"))).toEqual(call(0, "}"));
  expect(curtain.isDrawn).toBe(false);
  const second = { id: "c2", name: "f" };
  expect(curtain.call(call(1, "{}", second))).toEqual(call(1, "{}", second));
});

test("a call with another id, name or argument is not the one that the client has", () => {
  for (const other of [
    call(0, "{}", { id: "c2", name: "f" }),
    call(0, "{}", { id: "c1", name: "g" }),
    call(0, "[]", { id: "c1", name: "f" }),
  ]) {
    const curtain = new AnswerRepeatFilter();
    curtain.call(call(0, "{}", { id: "c1", name: "f" }));
    curtain.draw();
    expect(curtain.call(other)).toBeUndefined();
  }
});

test("text and reasoning have curtains of their own", () => {
  const curtain = new AnswerRepeatFilter();
  expect(curtain.reasoning("hm")).toBe("hm");
  expect(curtain.text("yes")).toBe("yes");
  curtain.draw();
  expect(curtain.reasoning("hmm")).toBe("m");
  expect(curtain.text("yes!")).toBe("!");
  curtain.draw();
  expect(curtain.reasoning("oh")).toBeUndefined();
});

test("an attempt without reasoning may follow one that had some, if its text is as long", () => {
  const curtain = new AnswerRepeatFilter();
  curtain.reasoning("hm");
  curtain.text("yes");
  curtain.draw();
  expect(curtain.isDrawn).toBe(true);
  curtain.text("yes");
  expect(curtain.isDrawn).toBe(false);
  curtain.reasoning("h");
  expect(curtain.isDrawn).toBe(true);
});

test("the thoughts of one attempt do not stand before the answer of another", () => {
  const curtain = new AnswerRepeatFilter();
  curtain.reasoning("hm");
  curtain.draw();
  expect(curtain.text("yes")).toBeUndefined();
  expect(curtain.call(call(0, "{}", { id: "c1", name: "f" }))).toBeUndefined();
  expect(curtain.reasoning("hm")).toBe("");
  expect(curtain.text("yes")).toBe("yes");
});

test("a refusal is repeated as text is, and neither takes the place of the other", () => {
  const curtain = new AnswerRepeatFilter();
  expect([curtain.text("Well. "), curtain.refusal("No.")]).toEqual(["Well. ", "No."]);
  curtain.draw();
  expect([curtain.text("Well. "), curtain.isDrawn]).toEqual(["", true]);
  expect([curtain.refusal("No. Never."), curtain.isDrawn]).toEqual([" Never.", false]);
  curtain.draw();
  expect(curtain.refusal("No.")).toBeUndefined();
  curtain.draw();
  expect([curtain.text("Well. "), curtain.text("Yes.")]).toEqual(["", undefined]);
});
