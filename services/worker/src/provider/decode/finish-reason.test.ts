import { describe, expect, it } from "vitest";
import { chunk, DONE, frame, type Outcome, readAnswer, reads } from "../../testing/read-answer.ts";

const hi = chunk({ content: "Hi" });
const reason = (finish_reason: unknown) => chunk({}, { finish_reason });
const last = (...reasons: unknown[]) => readAnswer([hi, ...reasons.map(reason), DONE]).last;

const WORDS = {
  stop: `stop STOP end_turn eos eos_token EOS_FOUND eosFound stop_sequence stop_token complete COMPLETE
    completed done finished normal success`,
  length: `length max_tokens model_length max_length max_new_tokens MAX_TOKENS MAX_OUTPUT_TOKENS_REACHED
    maxPredictedTokensReached token_limit length_limit out_of_tokens limit incomplete truncated`,
  content_filter: `content_filter SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY moderation
    guardrail_intervened content_filter:SAFETY sensitive refusal blocked`,
  provider_cut: `error aborted cancelled user_cancel preempted disconnect insufficient_quota timeout time_limit
    rate_limited UNEXPECTED_TOOL_CALL MALFORMED_FUNCTION_CALL OTHER LANGUAGE load pause_turn`,
};

describe.each(Object.entries(WORDS))("%s", (ending, words) => {
  it.each(words.split(/\s+/))("is what %s means", (word) => {
    expect(last(word)).toEqual(
      ending === "provider_cut" ? ending : expect.objectContaining({ finish: ending }),
    );
  });
});

it.each(["", null, undefined, " ", "null", "None"])("%j is no reason", (word) => {
  expect(last(word)).toBe("provider_cut");
  expect(last(word, "stop", word)).toMatchObject({ finish: "stop" });
});

it("a word that nobody knows is named by its field, and not by itself", () => {
  const { message } = readAnswer([hi, reason("secret"), DONE]);
  expect(message).toContain("finish_reason is a word that is not known");
  expect(message).not.toContain("secret");
});

describe("a later reason", () => {
  it.each([
    [["length", "stop"], "length"],
    [["content_filter", "stop", "stop"], "content_filter"],
    [["stop", "length"], "length"],
    [["OTHER", "stop"], "stop"],
  ])("of %j leaves %s", (reasons, finish) => {
    expect(last(...reasons)).toMatchObject({ finish });
  });

  it("does not make an answer whole that failed", () => {
    expect(last("error", "stop")).toBe("provider_cut");
  });

  it("is the only one where something was said in between", () => {
    const body = [hi, reason("length"), hi, reason("stop"), DONE];
    expect(readAnswer(body).last).toMatchObject({ finish: "stop" });
  });
});

describe("an answer that was too long before it said a word", () => {
  const length = { last: { finish: "length" } } as unknown as Outcome;
  reads({
    "is whole, and empty": [[chunk({ content: "" }), reason("length")], length],
    "may have been all thought": [
      [chunk({ reasoning: "hm" }), reason("length")],
      { ...length, reasoning: "hm" },
    ],
    "may be one whole completion": [
      [frame({ choices: [{ message: { content: "" }, finish_reason: "length" }] })],
      length,
    ],
  });

  it("is none where it ended by itself", () => {
    expect(readAnswer([chunk({ content: "" }), reason("stop")]).last).toBe("provider_empty");
  });
});
