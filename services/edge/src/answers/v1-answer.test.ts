import { expect, test } from "vitest";
import type { Connection } from "../socket/connection.ts";
import { V1Answer } from "./v1-answer.ts";

const COMPLETED = {
  type: "completed",
  finish: "length",
  usage: undefined,
  timings: { finishedMs: 1 },
} as const;

function answering() {
  const sent: string[] = [];
  const connection: Pick<Connection, "send" | "cork"> = {
    send: (frame) => sent.push(String(frame)) > 0,
    cork: (write) => write(),
  };
  // The answer uses no other part of a connection.
  return { sent, answer: new V1Answer(connection as Connection) };
}

test("an answer of reasoning alone is an error: its user would see nothing", () => {
  const { sent, answer } = answering();
  answer.onDelta({ epoch: 1, seq: 1 }, { type: "reasoning", text: "hm" });
  answer.onTerminal(COMPLETED);
  expect(sent.map((frame) => JSON.parse(frame))).toMatchObject([
    { type: "error", code: "provider_empty" },
  ]);
  expect(answer.hasFailed).toBe(true);
});

test("an answer with one word is completed", () => {
  const { sent, answer } = answering();
  answer.onDelta({ epoch: 1, seq: 1 }, { type: "text", text: "x" });
  answer.onTerminal(COMPLETED);
  expect([sent[0], sent.at(-1), answer.hasFailed]).toEqual(["x", '{"type":"done"}', false]);
});
