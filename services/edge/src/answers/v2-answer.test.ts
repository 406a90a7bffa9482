import type { V2Down } from "@openclaw/protocol";
import { expect, test } from "vitest";
import { V2Answer } from "./v2-answer.ts";

test("a tool call, which only HTTP can ask for, is not sent, and its number is skipped", () => {
  const sent: V2Down[] = [];
  const send = (frame: V2Down) => {
    sent.push(frame);
    return true;
  };
  const answer = new V2Answer({ run: "r", epoch: 7, send, batch: (write) => write() });
  answer.onDelta({ epoch: 7, seq: 1 }, { type: "text", text: "I look." });
  expect(answer.onToolCall()).toBe("held");
  answer.onDelta({ epoch: 7, seq: 3 }, { type: "text", text: "There." });
  expect(sent).toMatchObject([
    { type: "delta", seq: 1 },
    { type: "delta", seq: 3 },
  ]);
});

test("a refusal is a delta with `refusal`", () => {
  const sent: V2Down[] = [];
  const answer = new V2Answer({
    run: "r",
    epoch: 7,
    send: (frame) => sent.push(frame) > 0,
    batch: (write) => write(),
  });
  answer.onDelta({ epoch: 7, seq: 1 }, { type: "text", text: "Well." });
  answer.onDelta({ epoch: 7, seq: 2 }, { type: "text", text: "No.", isRefusal: true });
  const frame = { type: "delta", run: "r", epoch: 7 };
  expect(sent).toEqual([
    { ...frame, seq: 1, text: "Well." },
    { ...frame, seq: 2, text: "No.", refusal: true },
  ]);
});
