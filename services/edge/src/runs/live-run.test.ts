import { expect, test } from "vitest";
import { type Answer, NO_READER } from "../answers/answer.ts";
import { LiveRun } from "./live-run.ts";

const PIECE = { type: "text", text: "x" } as const;
const COMPLETED = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1 },
} as const;

function begin(answer: Answer, onEnded: () => void): LiveRun {
  const run = new LiveRun({
    runId: "r",
    session: "s",
    provider: "p",
    chain: ["p"],
    answer,
    read: async () => undefined,
    deadlines: { queueMs: () => 60_000, silenceMs: () => 60_000, totalMs: 60_000 },
    onEnded,
  });
  run.created();
  run.queued();
  return run;
}

test("a run whose connection is lost by a write goes on without a reader to its end", () => {
  let ended = 0;
  const dropped: Answer = {
    ...NO_READER,
    // The socket is full and is closed for it, within this call.
    onDelta: () => {
      run.detach();
      return "full";
    },
  };
  const run = begin(dropped, () => {
    ended += 1;
  });
  const started = { type: "started", provider: "p", model: "m" } as const;
  const at = (seq: number) => ({ epoch: 1, seq });
  run.offer([{ position: at(0), entry: started }], performance.now());
  run.offer([{ position: at(1), entry: PIECE }], performance.now());
  run.offer([{ position: at(2), entry: PIECE }], performance.now());
  run.offer([{ position: at(3), entry: COMPLETED }], performance.now());
  expect(ended).toBe(1);
});
