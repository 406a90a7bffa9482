import { type ChatChunk, chatChunkSchema } from "@openclaw/protocol";
import type { TerminalEntry } from "@openclaw/stream";
import { expect, test } from "vitest";
import { apiError } from "../http/exchange/api-error.ts";
import { ChatStreamAnswer } from "./chat-stream-answer.ts";

const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "stop",
  usage: { inputTokens: 3, outputTokens: 2 },
  timings: { finishedMs: 1 },
};

function openAnswer() {
  let sent = "";
  const answer = new ChatStreamAnswer({
    id: "chatcmpl-1",
    created: 1,
    includesUsage: true,
    sink: {
      get isStreaming() {
        return sent !== "";
      },
      write: (text) => {
        sent += text;
        return true;
      },
      end: () => undefined,
      cork: (write) => write(),
    },
    onRefused: () => undefined,
    describe: apiError,
  });
  let epoch = 0;
  /** An attempt of this provider that sends these pieces in turn. */
  const attempt = (provider: string, ...pieces: string[]) => {
    epoch += 1;
    answer.onStarted({ epoch, seq: 0 }, { type: "started", provider, model: "m" });
    for (const [index, text] of pieces.entries()) {
      answer.onDelta({ epoch, seq: index + 1 }, { type: "text", text });
    }
  };
  const chunks = (): ChatChunk[] =>
    (sent.match(/(?<=^data: )\{.*$/gm) ?? [])
      .filter((data) => !data.startsWith('{"error"'))
      .map((data) => chatChunkSchema.parse(JSON.parse(data)));
  return { answer, attempt, chunks };
}

const modelsOf = (chunks: readonly ChatChunk[]) => [...new Set(chunks.map(({ model }) => model))];

test("all chunks have one model, even if another provider continues the answer", () => {
  const { answer, attempt, chunks } = openAnswer();
  attempt("first", "So it ");
  attempt("second", "So ", "it is.");
  answer.onTerminal(COMPLETED);
  const text = chunks().map(({ choices: [choice] }) => choice?.delta.content ?? "");
  expect(text.join("")).toBe("So it is.");
  expect(modelsOf(chunks())).toEqual(["first/m"]);
  expect(chunks().at(-1)?.usage).toMatchObject({ total_tokens: 5 });
});

test("the model is that of the provider that gave the first text", () => {
  const { answer, attempt, chunks } = openAnswer();
  attempt("first");
  attempt("second", "So it is.");
  answer.onTerminal(COMPLETED);
  expect(modelsOf(chunks())).toEqual(["second/m"]);
});

test("an answer without text belongs to the provider that finished it", () => {
  const { answer, attempt, chunks } = openAnswer();
  attempt("first");
  attempt("second");
  answer.onTerminal(COMPLETED);
  expect(modelsOf(chunks())).toEqual(["second/m"]);
});

test("a refusal is not content, and a later attempt that answers interrupts it", () => {
  const { answer, attempt, chunks } = openAnswer();
  attempt("first");
  answer.onDelta({ epoch: 1, seq: 1 }, { type: "text", text: "No.", isRefusal: true });
  const deltas = chunks().map(({ choices: [choice] }) => choice?.delta);
  expect(deltas).toEqual([{ role: "assistant", content: "" }, { refusal: "No." }]);
  attempt("second");
  expect(answer.onDelta({ epoch: 2, seq: 1 }, { type: "text", text: "Well." })).toBe("interrupted");
  expect(chunks()).toHaveLength(2);
});
