import { runEventSchema } from "@openclaw/protocol";
import { expect, test } from "vitest";
import { EventsAnswer } from "./events-answer.ts";

const AFTER = { epoch: 7, seq: 4 };
const PHASES = { totalMs: 9 };

function openAnswer({ after = AFTER, hasRoom = true } = {}) {
  let sent = "";
  let ends = 0;
  const answer = new EventsAnswer({
    run: "r",
    after,
    sink: {
      write: (text) => {
        sent += text;
        return hasRoom;
      },
      end: () => (ends += 1),
      cork: (write) => write(),
    },
  });
  return { answer, sent: () => sent, ends: () => ends };
}

test("an entry is an event with its position as id, a tool call too", () => {
  const { answer, sent, ends } = openAnswer();
  const call = { type: "tool_call", index: 0, id: "c", name: "f", arguments: "{" } as const;
  expect(answer.onToolCall({ epoch: 7, seq: 5 }, call)).toBe("written");
  expect(answer.onDelta({ epoch: 7, seq: 6 }, { type: "text", text: "a\nb" })).toBe("written");
  answer.onTerminal({ type: "cancelled", reason: "client" }, PHASES, { epoch: 7, seq: 7 });
  expect(sent()).toBe(
    [
      'id: 7-5\nevent: tool_call\ndata: {"type":"tool_call","index":0,"id":"c","name":"f","arguments":"{","epoch":7,"seq":5,"run":"r"}\n\n',
      'id: 7-6\nevent: delta\ndata: {"type":"delta","run":"r","epoch":7,"seq":6,"text":"a\\nb"}\n\n',
      'id: 7-7\nevent: cancelled\ndata: {"type":"cancelled","run":"r"}\n\n',
    ].join(""),
  );
  const data = sent().match(/(?<=^data: ).*$/gm) ?? [];
  for (const event of data) runEventSchema.parse(JSON.parse(event));
  expect([data.length, ends()]).toEqual([3, 1]);
});

test("an event that is not an entry has no id, so that a reader that breaks off behind it gets it again", () => {
  const { answer, sent } = openAnswer();
  answer.onQueued(2, 100);
  answer.onStarted({ epoch: 8, seq: 0 }, { type: "started", provider: "p", model: "m" });
  const lines = sent().match(/^(id|event): .*$/gm);
  expect(lines).toEqual(["event: queued", "event: restart", "id: 8-0", "event: started"]);
});

test("an attempt that has only shown a tool call is restarted as well", () => {
  const { answer, sent } = openAnswer({ after: { epoch: 0, seq: 0 } });
  const started = { type: "started", provider: "p", model: "m" } as const;
  answer.onStarted({ epoch: 7, seq: 0 }, started);
  answer.onToolCall({ epoch: 7, seq: 1 }, { type: "tool_call", index: 0, arguments: "" });
  answer.onStarted({ epoch: 8, seq: 0 }, started);
  expect(sent().match(/restart/g)).toHaveLength(2);
});

test("an end that only this edge knows has no id, and its reader comes back for the end in the log", () => {
  const { answer, sent } = openAnswer();
  answer.onTerminal({ type: "cancelled", reason: "client" }, PHASES, undefined);
  expect(sent()).toMatch(/^event: cancelled\n/);
});

test("a reader that takes no more is waited for", () => {
  const { answer } = openAnswer({ hasRoom: false });
  expect(answer.onDelta({ epoch: 7, seq: 5 }, { type: "text", text: "a" })).toBe("full");
  const call = { type: "tool_call", index: 0, arguments: "" } as const;
  expect(answer.onToolCall({ epoch: 7, seq: 6 }, call)).toBe("full");
});
