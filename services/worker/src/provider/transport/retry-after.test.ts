import { expect, it } from "vitest";
import { MAX_RETRY_AFTER_MS, readRetryAfter } from "./retry-after.ts";

const date = "Sun, 22 Nov 2026 08:00:00 GMT";
const later = "Sun, 22 Nov 2026 08:00:30 GMT";

it.each([
  ["is not said", {}, undefined],
  ["is in seconds", { "retry-after": "7" }, 7_000],
  ["is nothing to wait for", { "retry-after": "0" }, 0],
  ["is a date, by the provider's own clock", { date, "retry-after": later }, 30_000],
  ["is a date that has passed", { date: later, "retry-after": date }, 0],
  ["is in milliseconds before anything else", { "retry-after-ms": "250", "retry-after": "9" }, 250],
  ["is at most ten minutes", { "retry-after": "86400" }, MAX_RETRY_AFTER_MS],
  ["is not understood", { "retry-after": "soon" }, undefined],
  ["is negative", { "retry-after": "-3" }, undefined],
  ["is a date of no kind", { "retry-after": "Sun, 99 Foo GMT" }, undefined],
] as const)("the wait %s", (_, headers, wait) => {
  expect(readRetryAfter(headers)).toBe(wait);
});

it("a date without the provider's clock is counted from ours", () => {
  const at = new Date(Date.now() + 60_000).toUTCString();
  const wait = readRetryAfter({ "retry-after": at }) ?? Number.NaN;
  expect(wait).toBeGreaterThan(55_000);
  expect(wait).toBeLessThanOrEqual(60_000);
});
