/** What is not understood where the answer itself belongs. */
import { describe, expect, it, test } from "vitest";
import { chunk, DONE, FINISHED, frame, readAnswer, STOP } from "../../testing/read-answer.ts";

describe("what is not understood fails the answer and is named without its content", () => {
  const secret = 4242;
  const rows: Readonly<Record<string, readonly [string, string]>> = {
    "content that is a number": [chunk({ content: secret }), "content is of type number"],
    "a part of an unknown type": [
      chunk({ content: [{ type: "secret", secret }] }),
      "content[] is a part of no known type",
    ],
    "a part that no text can be made of": [
      chunk({ content: [{ type: "image_url", image_url: { url: "secret" } }] }),
      "content[] is a part of type image_url",
    ],
    "a part's text that is a list": [
      chunk({ content: [{ type: "text", text: [secret] }] }),
      "content[].text is of type list",
    ],
    "thinking that is a number": [chunk({ reasoning: secret }), "reasoning is of type number"],
    "thinking without a bottom": [
      chunk({
        reasoning: Array(20)
          .fill(0)
          .reduce((inner: unknown) => [inner], "secret"),
      }),
      "is nested without end",
    ],
    "a refusal that is a number": [chunk({ refusal: secret }), "refusal is of type number"],
    "a delta that is a text": [chunk("secret"), "delta is of type string"],
    "choices that are an object": [frame({ choices: { secret } }), "choices is of type object"],
    "a choice that is a text": [frame({ choices: ["secret"] }), "choices[] is of type string"],
    "choices of two answers": [
      frame({ choices: [0, 1].map((index) => ({ index, delta: { content: "secret" } })) }),
      "choices of more than one answer",
    ],
    "a reason that is an object": [
      chunk({}, { finish_reason: { secret } }),
      "finish_reason is of type object",
    ],
    "usage that is a list": [frame({ usage: [secret] }), "usage is of type list"],
    "usage of objects": [
      frame({ usage: { prompt_tokens: { secret }, completion_tokens: 1 } }),
      "usage.prompt_tokens is of type object",
    ],
    "calls that are a text": [chunk({ tool_calls: "secret" }), "tool_calls[] is of type string"],
    "a function_call that is a text": [
      chunk({ function_call: "secret" }),
      "function_call is of type string",
    ],
    "an event that is a text": [frame("secret"), "an event is of type string"],
  };
  it.each(Object.entries(rows))("%s", (_, [event, detail]) => {
    const { text, last, message } = readAnswer([chunk({ content: "Hi" }), event, STOP, DONE], {
      mayCall: true,
    });
    expect([text, last]).toEqual(["Hi", "provider_malformed"]);
    expect(message).toContain(detail);
    expect(message).not.toMatch(/secret|4242/);
  });

  test("a field that carries nothing of the answer may be anything", () => {
    const odd = { annotations: 1, audio: "x", citations: {}, logprobs: [2], stop_reason: [] };
    const body = [chunk({ content: "Hi", ...odd }, odd, odd), STOP, DONE];
    expect(readAnswer(body)).toMatchObject({ text: "Hi", last: FINISHED });
  });
});

describe("the answer is the one that spoke first", () => {
  const piece = (index: unknown, content: string, finish_reason: string | null = null) =>
    frame({ choices: [{ index, delta: { content }, finish_reason }] });
  const read = (...body: string[]) => {
    const { text, last, message } = readAnswer([...body, STOP, DONE]);
    return [text, last, message.includes("choices of more than one answer")];
  };

  it.each([
    ["another one", 0, 1],
    ["the first one, where that came later", 1, 0],
  ])("text of %s is not spliced into it", (_, one, other) => {
    const body = [piece(one, "Hi"), piece(other, "Ho"), piece(one, "!")];
    expect(read(...body)).toEqual(["Hi", "provider_malformed", true]);
  });

  it("a call of another one is not part of it", () => {
    const call = { index: 0, id: "a", function: { name: "f", arguments: "{}" } };
    const other = frame({ choices: [{ index: 1, delta: { tool_calls: [call] } }] });
    const { last } = readAnswer([piece(0, "Hi"), other, STOP, DONE], { mayCall: true });
    expect(last).toBe("provider_malformed");
  });

  it.each([
    ["is missing now and then", [undefined, 0, null, 0]],
    ["is always the same", [3, 3, 3, 3]],
    ["is a text now and then", ["0", 0, "0", 0]],
  ])("an index that %s says nothing of another", (_, indexes) => {
    const body = indexes.map((index, at) => piece(index, "Hi, you".slice(2 * at, 2 * at + 2)));
    expect(readAnswer([...body, STOP, DONE])).toMatchObject({ text: "Hi, you", last: FINISHED });
  });

  it("another one that says nothing is passed over", () => {
    const body = [piece(1, ""), piece(0, "Hi"), piece(1, "")];
    expect(readAnswer([...body, STOP, DONE])).toMatchObject({ text: "Hi", last: FINISHED });
  });

  it("a stream that takes the place of one that said nothing may have another number", () => {
    const choices = [{ index: 0, delta: { content: "Hi" } }];
    const glued = `data: {"id":"a","choi${frame({ id: "b", choices })}`;
    expect(readAnswer([piece(1, "<thi"), glued, STOP, DONE])).toMatchObject({
      text: "Hi",
      last: FINISHED,
    });
  });
});
