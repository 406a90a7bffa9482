/** Errors inside a stream, and what only looks like one or like a broken stream. */
import { describe, expect, it } from "vitest";
import { chunk, DONE, frame, readAnswer, STOP } from "../../testing/read-answer.ts";

const hi = chunk({ content: "Hi" });
const USAGE = { prompt_tokens: 3, completion_tokens: 5 };
const FAILURES = ["provider_error", "provider_overloaded", "provider_rejected"];

describe("an event that is a failure", () => {
  const message = "Internal Server Error";
  it.each([
    [{ message }],
    [{ message, requestId: "1" }],
    [{ message: "died", code: 500, choices: [] }],
    [{ message, statusCode: 500 }],
    [{ error_msg: "backend died", error_code: 336100 }],
    [{ errorType: "Runtime", errorMessage: "Task timed out" }],
    [{ error_message: "died" }],
    [{ status: "error", message: "died" }],
    [{ status: "failed" }],
    [{ title: message, status: 500, detail: "x" }],
    [{ detail: "x", requestId: "1" }],
    [{ msg: "died", success: "false" }],
    [{ success: false }],
    [{ choices: [{ index: 0, delta: { error: { message: "died" } } }] }],
    [{ choices: [{ index: 0, delta: {}, message: null, error_message: "died" }] }],
    [{ choices: [{ index: 0, delta: null, error: "died" }] }],
  ])("%j is not passed over", (json) => {
    for (const end of [[STOP, DONE], [DONE]]) {
      const { text, last } = readAnswer([hi, frame(json), ...end], {
        kind: "nvidia",
        finishesWithDone: true,
      });
      expect([text, FAILURES.includes(String(last))]).toEqual(["Hi", true]);
    }
  });
});

describe("an event that says nothing", () => {
  it.each([
    [frame({ error: { message: "", code: null, request_id: "abc" } })],
    [frame({ error: { requestId: "abc" } })],
    [frame({ message: "success", code: 0 })],
    [frame({ message: "processing" })],
    [frame({ status: "running" })],
    [frame({ type: "ping" })],
    [frame(null)],
    [frame({})],
    ["data: ping\n\n"],
    ["event: ping\ndata: ping\n\n"],
    ["event: heartbeat\ndata: 1700000\n\n"],
    ["event: keep-alive\ndata: now\n\n"],
    ['event: error\ndata: {"error":null}\n\n'],
    ["event: error\ndata: null\n\n"],
    ["event: error\n\n"],
    [frame({ usage: "" })],
    [frame({ usage: [] })],
    [frame({ usage: false })],
  ])("%j is passed over", (event) => {
    const body = [event, hi, event, chunk({}, { finish_reason: "stop" }, { usage: USAGE }), event];
    const last = { finish: "stop", usage: { inputTokens: 3, outputTokens: 5 } };
    expect(readAnswer([...body, DONE])).toMatchObject({ text: "Hi", last });
  });
});

describe("behind an answer that has its reason and its usage", () => {
  const whole = [hi, STOP, frame({ choices: [], usage: USAGE })];

  it.each(["data: bye\n\n", frame("bye"), frame(7), 'data: {"half":\n\n'])(
    "%j is forgiven",
    (junk) => {
      expect(readAnswer([...whole, junk]).last).toMatchObject({ finish: "stop" });
      // Without usage it may be what became of it.
      expect(readAnswer([hi, STOP, junk, STOP]).last).toBe("provider_malformed");
      expect(readAnswer([hi, junk, STOP]).last).toBe("provider_malformed");
    },
  );

  it("an error is none of these", () => {
    expect(readAnswer([...whole, frame({ error: "died" })]).last).toBe("provider_error");
  });
});

it.each(['"[DONE]"', "[done]", "[END]", "[Done]"])("%s is an end marker", (marker) => {
  const end = `data: ${marker}\n\n`;
  expect(readAnswer([hi, STOP, end, "data: junk\n\n"]).last).toMatchObject({ finish: "stop" });
  expect(readAnswer([hi, end]).last).toBe("provider_cut");
});
