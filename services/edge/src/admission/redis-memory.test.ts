import { expect, test } from "vitest";
import { fullestOf, memoryIn } from "./redis-memory.ts";

const info = (...fields: readonly string[]) => ["# Memory", ...fields, ""].join("\r\n");

test("bytes that do not count towards the limit are subtracted", () => {
  const said = info("used_memory:900", "maxmemory:1000", "mem_not_counted_for_evict:200");
  expect(memoryIn(said)).toEqual({ usedBytes: 700, maxBytes: 1_000 });
});

test("a maxmemory of 0 means no limit, and an answer without figures throws", () => {
  expect(memoryIn(info("used_memory:900", "maxmemory:0"))).toMatchObject({ maxBytes: undefined });
  expect(() => memoryIn("# Memory\r\n")).toThrow(RangeError);
});

test("of several masters the fullest is reported, not the largest; a master without a limit is never full", () => {
  const small = { usedBytes: 90, maxBytes: 100 };
  const large = { usedBytes: 500, maxBytes: 1_000 };
  const endless = { usedBytes: 9_000, maxBytes: undefined };
  expect(fullestOf([large, small, endless])).toBe(small);
  expect(fullestOf([{ ...endless, usedBytes: 1 }, endless])).toBe(endless);
});
