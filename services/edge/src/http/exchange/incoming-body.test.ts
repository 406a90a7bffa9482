import { describe, expect, test } from "vitest";
import { ByteBudget } from "../../admission/byte-budget.ts";
import { IncomingBody } from "./incoming-body.ts";

const MIB = 1024 * 1024;
const chunkOf = (text: string) => new Uint8Array(Buffer.from(text)).buffer;

function open(
  declaredBytes: number | undefined,
  budget = new ByteBudget(64 * MIB),
  maxBytes = MIB,
) {
  return { budget, body: IncomingBody.open({ budget, declaredBytes, maxBytes }) };
}

describe.each([
  ["short", 100],
  ["long", 300_000],
])("a %s body", (_, length) => {
  const text = Array.from({ length: length / 10 }, (_, index) => `${index}字`.padEnd(8)).join("");
  const bytes = Buffer.from(text);
  const chunks = Array.from(
    { length: Math.ceil(bytes.length / 37_000) },
    (_, index) =>
      new Uint8Array(bytes.subarray(index * 37_000, (index + 1) * 37_000)).slice().buffer,
  );

  test.each([
    ["of declared length", bytes.length],
    ["in chunks", undefined],
  ])("%s is what was sent, and its room is given back once", (_, declared) => {
    const { body, budget } = open(declared);
    for (const chunk of chunks) expect(body?.add(chunk)).toBe(true);
    expect(body?.bytes.equals(bytes)).toBe(true);
    expect(budget.usedBytes).toBe(bytes.length);
    body?.release();
    body?.release();
    expect(budget.usedBytes).toBe(0);
  });
});

test("a declared body is reserved as it comes, so that a declaration keeps no client out", () => {
  const budget = new ByteBudget(8 * MIB);
  const promises = Array.from({ length: 100 }, () => open(3 * MIB, budget, 3 * MIB).body);
  expect(promises.every((body) => body !== undefined)).toBe(true);
  expect(budget.usedBytes).toBe(0);
  const { body } = open(MIB, budget);
  for (let come = 0; come < 16; come += 1) {
    expect(body?.add(new ArrayBuffer(MIB / 16))).toBe(true);
    expect(budget.usedBytes).toBe(((come + 1) * MIB) / 16);
  }
});

test("a declared body that does not fit is refused before any byte comes", () => {
  const budget = new ByteBudget(100);
  const { body } = open(60, budget);
  body?.add(chunkOf("x".repeat(50)));
  expect(open(60, budget).body).toBeUndefined();
  body?.release();
  expect(open(60, budget).body).toBeDefined();
});

test("the first bytes of a long body are not taken from the room for short ones", () => {
  const budget = new ByteBudget(800_000);
  const { body: first } = open(700_000, budget);
  const { body: second } = open(20_000, budget);
  expect(first?.add(new ArrayBuffer(700_000))).toBe(true);
  expect(second?.add(new ArrayBuffer(10_000))).toBe(false);
  expect(open(10_000, budget).body?.add(new ArrayBuffer(10_000))).toBe(true);
});

test("an undeclared body is reserved as it comes", () => {
  const budget = new ByteBudget(100);
  const { body } = open(undefined, budget);
  expect(body?.add(chunkOf("x".repeat(60)))).toBe(true);
  expect(body?.add(chunkOf("x".repeat(60)))).toBe(false);
});

test("no more is kept than was declared, or may be sent", () => {
  expect(open(3).body?.add(chunkOf("four"))).toBe(false);
  expect(open(undefined, undefined, 3).body?.add(chunkOf("four"))).toBe(false);
});

test("memory of long bodies is freed at once, without garbage collection", () => {
  const budget = new ByteBudget(512 * MIB);
  const rss = () => process.memoryUsage.rss();
  const chunk = new Uint8Array(MIB).fill(1).buffer;
  const bodies = Array.from({ length: 200 }, () => {
    const { body } = open(undefined, budget);
    body?.add(chunk);
    return body;
  });
  // Measured only across the release: other work of this process takes longer.
  const full = rss();
  for (const body of bodies) body?.release();
  expect(full - rss()).toBeGreaterThan(100 * MIB);
});
