import { expect, test } from "vitest";
import type { EndedRun } from "../runs/live-run.ts";
import { logEnded } from "./ended-run-log.ts";
import { createSessionHash } from "./session-hash.ts";

const ended = {
  runId: "run-1",
  session: "user@example.com",
  provider: "zhipu",
  terminal: { type: "cancelled", reason: "client", timings: undefined },
  phases: {},
  // The rest of a run is passed on as it is.
} as unknown as EndedRun;

function told(key?: string): Record<string, unknown> {
  const lines: object[] = [];
  const log = { info: (facts: object) => void lines.push(facts) };
  logEnded(ended, { log, sessionHash: createSessionHash(key), message: "run finished" });
  return { ...lines[0] };
}

test("a session is told by a keyed hash, and never as it is", () => {
  const line = told("a key of some length");
  expect(JSON.stringify(line)).not.toContain("user@example.com");
  // printf %s user@example.com | openssl dgst -sha256 -hmac 'a key of some length' | sed 's,.*= ,,' | cut -c -12
  expect(line).toMatchObject({ runId: "run-1", outcome: "cancelled", sessionHash: "531f7f094354" });
});

test("without a key nobody can compute it", () => {
  expect(told().sessionHash).toMatch(/^[\da-f]{12}$/);
  expect(told().sessionHash).not.toBe(told().sessionHash);
});
