import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { isStreamed, LUMP_MS } from "./report.ts";
import { Stopwatch } from "./stopwatch.ts";

const PIECE = { type: "text", text: "word " } as const;

/** Keeps this process busy, as another one on the same processor would. */
function stall(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("pieces of one read are a lump, however slowly this process looks at them", async () => {
  const stopwatch = new Stopwatch();
  for (let piece = 0; piece < 3; piece += 1) {
    stopwatch.note(PIECE);
    stall(LUMP_MS);
    await Promise.resolve();
  }
  expect(stopwatch.read()).toMatchObject({ pieces: 3, streamedMs: 0 });
});

test("pieces of later reads are streamed", async () => {
  const stopwatch = new Stopwatch();
  stopwatch.note(PIECE);
  await nextTurn();
  stall(LUMP_MS);
  stopwatch.note(PIECE);
  const answer = stopwatch.read();
  expect(answer && isStreamed(answer)).toBe(true);
});
