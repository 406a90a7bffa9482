/** What ends an answer, and what only looks like it. */
import { describe, expect, it, test } from "vitest";
import { chunk, DONE, FINISHED, readAnswer, reads, STOP } from "../../testing/read-answer.ts";

describe("a reason behind which something comes was none", () => {
  const said = (content: string, rest: object = {}) => chunk({ content }, rest);
  const stop = { finish_reason: "stop" };
  reads({
    "where each piece has one": [
      [said("a", stop), said("b", stop), said("c", stop), DONE],
      { text: "abc" },
    ],
    "where the last piece has one again": [
      [said("a", stop), said("b"), said("c", stop)],
      { text: "abc" },
    ],
  });

  it.each([
    ["text", said("b"), {}],
    ["thinking", chunk({ reasoning: "hm" }), {}],
    ["a refusal", chunk({ refusal: "no" }), {}],
    [
      "a call",
      chunk({ tool_calls: [{ index: 0, id: "c", function: { name: "f" } }] }),
      { mayCall: true },
    ],
    ["text that may become a tag", said("<"), {}],
  ])("%s", (_, more, options) => {
    const begin = said("", { ...stop });
    expect(readAnswer([begin, more], options).last).toBe("provider_cut");
    expect(readAnswer([begin, more, DONE], options).last).toBe("provider_cut");
    expect(readAnswer([begin, more, STOP, DONE], options).last).toMatchObject({ type: "finished" });
  });

  test("half an event behind it is a loss where reasons came with every piece", () => {
    const half = 'data: {"choices":[{"delta":{"con';
    expect(readAnswer([said("a", stop), said("b", stop), half]).last).toBe("provider_cut");
  });
});

describe("an end marker without a reason", () => {
  const hi = chunk({ content: "Hi" });
  const nvidia = { kind: "nvidia", finishesWithDone: true } as const;
  it.each([
    ["is a cut", [hi, DONE], {}, "provider_cut"],
    ["is the end where the provider has no reasons", [hi, DONE], nvidia, FINISHED],
    ["is no end there without the marker", [hi], nvidia, "provider_cut"],
    [
      "is no end there behind thinking alone",
      [chunk({ reasoning: "hm" }), DONE],
      nvidia,
      "provider_cut",
    ],
    ["is an empty answer there behind nothing", [DONE], nvidia, "provider_empty"],
    [
      "does not hide a failure there",
      [hi, chunk({}, { finish_reason: "error" }), DONE],
      nvidia,
      "provider_cut",
    ],
  ])("%s", (_, body, options, last) => {
    expect(readAnswer(body, options).last).toEqual(
      typeof last === "string" ? last : expect.objectContaining(last),
    );
  });

  test("is the end of a call only where its arguments are whole", () => {
    const calling = (given: string) => [
      chunk({ tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: given } }] }),
      DONE,
    ];
    const options = { ...nvidia, mayCall: true };
    expect(readAnswer(calling('{"a":1}'), options).last).toMatchObject({ finish: "tool_calls" });
    expect(readAnswer(calling('{"a":'), options).last).toBe("provider_cut");
  });
});
