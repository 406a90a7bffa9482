/** When the user of an ended run saw its text and its end. */
import type { ErrorCode } from "@openclaw/protocol";
import type { TerminalEntry } from "@openclaw/stream";
import type { EndedRun } from "../runs/ended-run.ts";

/** Failures that lie in the request: every provider would have failed. */
const FAULTS_OF_REQUESTS: ReadonlySet<ErrorCode> = new Set([
  "provider_rejected",
  "content_filtered",
  "context_length_exceeded",
  "answer_too_large",
]);

export function isFaultOfRequest(terminal: TerminalEntry): boolean {
  return terminal.type === "failed" && FAULTS_OF_REQUESTS.has(terminal.failure.code);
}

/**
 * Three times of the user in milliseconds since the run was accepted.
 *
 * - `shownMs`: the first text, or else the good end.
 * - `leftMs`: the user went away before either.
 * - `endedMs`: the good end.
 *
 * A user who leaves before the target says nothing about whether the run would have met it.
 */
export function userTimesOf({ terminal, phases: { firstFrameMs, totalMs }, edgePhases }: EndedRun) {
  const endedMs = terminal.type === "completed" ? totalMs : undefined;
  const { leftMs = terminal.type === "cancelled" ? totalMs : undefined } = edgePhases;
  // The end of a run whose client left goes to another connection.
  const shownMs = firstFrameMs ?? (leftMs === undefined ? endedMs : undefined);
  return { shownMs, leftMs, endedMs };
}
