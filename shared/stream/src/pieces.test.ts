import { expect, test } from "vitest";
import { cutLong, cutTail, fitting, LARGEST_ENTRY_BYTES, type Piece } from "./pieces.ts";

const text = (value: string): Piece => ({ type: "text", text: value });
const saidIn = (pieces: readonly Piece[]) =>
  pieces.map((piece) => (piece.type === "tool_call" ? piece.arguments : piece.text));

test("a piece that is too long for one entry is cut, and no character with it", () => {
  const long = "你".repeat(16_383) + "🙂".repeat(20_000);
  const parts = saidIn(cutLong(text(long)));
  expect(parts.join("")).toBe(long);
  expect(parts.map((part) => part.length)).toEqual([16_383, 16_384, 16_384, 7_232]);
  for (const part of parts) expect(Buffer.from(part).toString()).toBe(part);
});

test("the parts of a refusal are refusals, and those of a call belong to it", () => {
  const long = "x".repeat(20_000);
  expect(cutLong({ type: "text", text: long, isRefusal: true })).toMatchObject([
    { isRefusal: true },
    { isRefusal: true },
  ]);
  const call: Piece = { type: "tool_call", index: 2, id: "i", name: "n", arguments: long };
  const [first, second, ...others] = cutLong(call);
  expect(others).toEqual([]);
  expect(first).toMatchObject({ index: 2, id: "i", name: "n" });
  // With an id it would be another call.
  expect(second).toEqual({ type: "tool_call", index: 2, arguments: "x".repeat(3_616) });
});

test("the tail of an entry is its last few characters, and none is cut in two", () => {
  const entry = text(`head${"🙂".repeat(50)}x`);
  const parts = cutTail(entry) as Piece[];
  expect(saidIn(parts).join("")).toBe(saidIn([entry])[0]);
  expect(saidIn(parts)[1]).toHaveLength(65);
  expect(cutTail(text("short"))).toEqual([text("short")]);
  const end = { type: "cancelled", reason: "client" } as const;
  expect(cutTail(end)).toEqual([end]);
});

test("as many entries go together as fit in bytes, not in characters; the first one always", () => {
  const entries = Array.from({ length: 5 }, () => text("你".repeat(1_000)));
  expect(fitting(entries, { entries: 9, bytes: 10_000 }).count).toBe(3);
  expect(fitting(entries, { entries: 2, bytes: 10_000 }).count).toBe(2);
  expect(fitting(entries, { entries: 9, bytes: 10 }).count).toBe(1);
  expect(fitting([], { entries: 9, bytes: 10 })).toEqual({ count: 0, bytes: 0 });
});

test("no entry has more bytes than the largest is said to have", () => {
  const [part] = cutLong(text("你".repeat(40_000)));
  const { bytes } = fitting(part ? [part] : [], { entries: 1, bytes: 0 });
  expect(bytes).toBe(LARGEST_ENTRY_BYTES);
});
