/** What an ended run says of how well its user was served. */
import type { ErrorCode } from "@openclaw/protocol";
import type { TerminalEntry } from "@openclaw/stream";
import type { EndedRun } from "../runs/ended-run.ts";

/** Failures that lie in the request: nobody could have answered it in time. */
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
 * What its user saw of a run, in milliseconds since it was accepted: its first text or else its good end, its
 * going away before either, its good end. Who gave up before it was late cannot say whether it would have been.
 */
export function userTimesOf({ terminal, phases: { firstFrameMs, totalMs }, edgePhases }: EndedRun) {
  const endedMs = terminal.type === "completed" ? totalMs : undefined;
  const { leftMs = terminal.type === "cancelled" ? totalMs : undefined } = edgePhases;
  // After that it is told to another connection.
  const shownMs = firstFrameMs ?? (leftMs === undefined ? endedMs : undefined);
  return { shownMs, leftMs, endedMs };
}
