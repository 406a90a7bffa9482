import { expect, test } from "vitest";
import { type DeltaEntry, decodeEntry, type LoggedEntry, type ToolCallEntry } from "./entry.ts";
import type { RunBatch } from "./run-batch.ts";
import { RunWriter } from "./run-writer.ts";

function entriesOf(pieces: readonly (DeltaEntry | ToolCallEntry)[]): LoggedEntry[] {
  const writer = new RunWriter({
    runId: "r",
    epoch: 1,
    orphanGraceMs: 1_000,
    onLost: () => undefined,
    onPending: () => undefined,
  });
  for (const piece of pieces) writer.write(piece);
  return writer
    .take({ entries: 100, bytes: 1e6, isPublished: () => true })
    .payloads.map(decodeEntry);
}

const call = (index: number, given: string, named?: { id: string; name: string }) =>
  ({ type: "tool_call", index, arguments: given, ...named }) as const;

test("neighbouring deltas become one entry, and no delta is merged over another kind", () => {
  expect(
    entriesOf([
      { type: "reasoning", text: "a" },
      { type: "reasoning", text: "b" },
      { type: "text", text: "c" },
      { type: "reasoning", text: "d" },
      { type: "text", text: "" },
      { type: "reasoning", text: "e" },
    ]),
  ).toEqual([
    { type: "reasoning", text: "ab" },
    { type: "text", text: "c" },
    { type: "reasoning", text: "de" },
  ]);
});

test("a refusal keeps its mark, and is merged with no other text", () => {
  const refused = (text: string) => ({ type: "text", text, isRefusal: true }) as const;
  expect(entriesOf([{ type: "text", text: "a" }, refused("b"), refused("c")])).toEqual([
    { type: "text", text: "a" },
    refused("bc"),
  ]);
});

test("pieces of one tool call become one entry, two calls stay two", () => {
  expect(
    entriesOf([
      call(0, "", { id: "x", name: "f" }),
      call(0, '{"a":'),
      call(0, "1}"),
      call(1, "{", { id: "y", name: "f" }),
      call(1, "}"),
      call(0, " "),
    ]),
  ).toEqual([
    call(0, '{"a":1}', { id: "x", name: "f" }),
    call(1, "{}", { id: "y", name: "f" }),
    { ...call(0, " "), id: undefined, name: undefined },
  ]);
});

test("a call without arguments is an entry, a piece that says nothing is none", () => {
  expect(entriesOf([call(0, "", { id: "x", name: "f" }), call(0, "")])).toEqual([
    call(0, "", { id: "x", name: "f" }),
  ]);
});

test("the first text is published with the batch that carries it; reasoning is none", () => {
  const writer = new RunWriter({
    runId: "r",
    epoch: 1,
    orphanGraceMs: 1_000,
    onLost: () => undefined,
    onPending: () => undefined,
  });
  const settle = (batch: RunBatch) => writer.settle(batch, { outcome: "appended", listeners: 1 });
  writer.write({ type: "reasoning", text: "hm" });
  const thought = writer.take({ entries: 10, bytes: 1e6, isPublished: () => true });
  expect(writer.firstText).toBeUndefined();
  writer.write({ type: "text", text: "a" });
  settle(thought);
  const spoken = writer.take({ entries: 10, bytes: 1e6, isPublished: () => true });
  writer.write({ type: "text", text: "b" });
  const more = writer.take({ entries: 10, bytes: 1e6, isPublished: () => true });
  expect(writer.firstText).toEqual({ writtenAt: expect.any(Number), followsReasoning: true });
  settle(spoken);
  const { publishedAt } = writer.firstText ?? {};
  settle(more);
  expect(writer.firstText).toMatchObject({ publishedAt });
  expect(publishedAt).toBeGreaterThan(0);
});
