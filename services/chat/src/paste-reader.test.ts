import { expect, test } from "vitest";
import { PasteReader, type Typed } from "./paste-reader.ts";

const SENT = "a\u001b[200~one\rtwo\u001b[A\u0007\t\u001b[201~b\u001b[A";
const READ: Typed[] = [
  { type: "keys", text: "a" },
  // The escape and the bell of a paste are no keys.
  { type: "pasted", text: "one\rtwo[A\t" },
  { type: "keys", text: "b\u001b[A" },
];

function joined(typed: readonly Typed[]): Typed[] {
  const all: Typed[] = [];
  for (const { type, text } of typed) {
    const last = all.at(-1);
    if (last?.type === type) all[all.length - 1] = { type, text: last.text + text };
    else all.push({ type, text });
  }
  return all;
}

test("pasted text is told from keys, wherever what is sent is cut", () => {
  for (let first = 0; first <= SENT.length; first += 1) {
    for (let second = first; second <= SENT.length; second += 1) {
      const reader = new PasteReader();
      const cut = [SENT.slice(0, first), SENT.slice(first, second), SENT.slice(second)];
      const typed = cut.flatMap((text) => reader.read(text));
      expect(joined([...typed, ...reader.flush()]), `${first}, ${second}`).toEqual(READ);
    }
  }
});

test("an Escape that nothing follows is a key", () => {
  const reader = new PasteReader();
  expect(reader.read("x\u001b")).toEqual([{ type: "keys", text: "x" }]);
  expect(reader.flush()).toEqual([{ type: "keys", text: "\u001b" }]);
  expect(reader.flush()).toEqual([]);
});

test("a paste that is never ended is ended by Ctrl-C, and by no pause", () => {
  const reader = new PasteReader();
  reader.read("\u001b[200~one");
  reader.flush();
  expect(reader.read("two")).toEqual([{ type: "pasted", text: "two" }]);
  expect(reader.read("\u0003")).toEqual([{ type: "keys", text: "\u0003" }]);
});
