import { type Failure, failure } from "@openclaw/protocol";
import type { TerminalEntry } from "@openclaw/stream";

/** What a client is told of a run that did not complete, where the protocol has nothing but failures. */
export function failureOf(terminal: Exclude<TerminalEntry, { type: "completed" }>): Failure {
  if (terminal.type === "failed") return terminal.failure;
  return failure(terminal.reason === "interrupted" ? "interrupted" : "cancelled");
}
