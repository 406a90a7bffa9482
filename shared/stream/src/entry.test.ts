import { Packr, unpack } from "msgpackr";
import { describe, expect, test } from "vitest";
import {
  decodeBatch,
  decodeEntry,
  type Entry,
  encodeEntry,
  MalformedEntryError,
  type TerminalEntry,
} from "./entry.ts";

const packr = new Packr({ useRecords: false });
const pack = (value: unknown) => packr.pack(value);

const FAILED: TerminalEntry = {
  type: "failed",
  failure: { code: "overloaded", message: "Full.", retryable: true, retryAfterMs: 5_000 },
  timings: undefined,
};

const EVERY_KIND: readonly Entry[] = [
  { type: "started", provider: "p", model: "m" },
  { type: "text", text: "t" },
  { type: "text", text: "no", isRefusal: true },
  { type: "reasoning", text: "r" },
  { type: "tool_call", index: 1, id: "i", name: "n", arguments: "{}" },
  { type: "moved", provider: "q" },
  { type: "completed", finish: "stop", usage: undefined, timings: { finishedMs: 3 } },
  FAILED,
  { type: "cancelled", reason: "client" },
];

test("every kind of entry is read as it was written", () => {
  for (const entry of EVERY_KIND) expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
});

test("the version stands behind what the release before reads of each kind", () => {
  const written = EVERY_KIND.map((entry) => unpack(encodeEntry(entry)));
  expect(written).toEqual([
    [0, "p", "m", null, null, 1],
    [1, "t", null, null, null, 1],
    [1, "no", true, null, null, 1],
    [2, "r", null, null, null, 1],
    [7, 1, "i", "n", "{}", 1],
    [6, "q", null, null, null, 1],
    [3, "stop", null, { finishedMs: 3 }, null, 1],
    [4, "overloaded", "Full.", null, 5_000, 1],
    [5, "client", null, null, null, 1],
  ]);
});

test("entries of the release before, which have no version, are read", () => {
  const entries = [
    [1, "t"],
    [0, "p", "m"],
    [5, "client"],
  ].map((wire) => decodeEntry(pack(wire)));
  expect(entries).toEqual([
    { type: "text", text: "t" },
    { type: "started", provider: "p", model: "m" },
    { type: "cancelled", reason: "client" },
  ]);
});

describe("an entry of a later release", () => {
  test("is unknown where its kind is, and read where it only says more", () => {
    expect(decodeEntry(pack([99, "?"]))).toEqual({ type: "unknown" });
    expect(decodeEntry(pack([1, "t", null, null, null, 1, { tone: "glad" }]))).toEqual({
      type: "text",
      text: "t",
    });
  });

  test("is refused where its version says that it would be misread", () => {
    expect(() => decodeEntry(pack([1, "t", null, null, null, 2]))).toThrow(MalformedEntryError);
  });
});

test.each([
  ["no array", { text: "t" }],
  ["no kind", ["t"]],
  ["a text that is none", [1, 7]],
  ["a version that is none", [1, "t", null, null, null, "2"]],
  ["a call without its number", [7, null, "i", "n", "{}"]],
])("%s is refused rather than guessed", (_, wire) => {
  expect(() => decodeEntry(pack(wire))).toThrow(MalformedEntryError);
});

test("what one run has that cannot be read keeps nothing from the others of its message", () => {
  const published = [
    ["a", 1, 1, encodeEntry({ type: "text", text: "one" })],
    ["a", 1, 2, pack([99, "?"])],
    ["b", 1, 1, pack([1, 7])],
    ["a", 1, 3, encodeEntry({ type: "text", text: "two" })],
  ] as const;
  const message = Buffer.concat(
    published.flatMap(([runId, epoch, seq, entry]) => [pack(runId), pack(epoch), pack(seq), entry]),
  );
  expect(decodeBatch(message)).toEqual([
    { runId: "a", position: { epoch: 1, seq: 1 }, entry: { type: "text", text: "one" } },
    { runId: "a", position: { epoch: 1, seq: 2 }, entry: { type: "unknown" } },
    { runId: "b", position: { epoch: 1, seq: 1 }, entry: { type: "unreadable" } },
    { runId: "a", position: { epoch: 1, seq: 3 }, entry: { type: "text", text: "two" } },
  ]);
});
