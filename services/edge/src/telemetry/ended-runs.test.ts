import { expect, test } from "vitest";
import type { EndedRun } from "../runs/ended-run.ts";
import { createSessionHash, EndedRuns } from "./ended-runs.ts";
import { RunStats } from "./run-stats.ts";

const ended = {
  runId: "run-1",
  session: "user@example.com",
  provider: "zhipu",
  terminal: { type: "cancelled", reason: "client", timings: undefined },
  phases: {},
  edgePhases: { holds: [] },
  // The log line has all other fields unchanged.
} as unknown as EndedRun;

function logged(key?: string): Record<string, unknown> {
  const lines: object[] = [];
  const log = { info: (facts: object) => void lines.push(facts) };
  const stats = new RunStats();
  new EndedRuns({ stats, log, sessionHash: createSessionHash(key) }).record(ended);
  return { ...lines[0] };
}

test("the line names a session by a keyed hash, and never by its own name", () => {
  const line = logged("a key of some length");
  expect(JSON.stringify(line)).not.toContain("user@example.com");
  // printf %s user@example.com | openssl dgst -sha256 -hmac 'a key of some length' | sed 's,.*= ,,' | cut -c -12
  expect(line).toMatchObject({ runId: "run-1", outcome: "cancelled", sessionHash: "531f7f094354" });
});

test("without a key, the hash differs with each process", () => {
  expect(logged().sessionHash).toMatch(/^[\da-f]{12}$/);
  expect(logged().sessionHash).not.toBe(logged().sessionHash);
});
