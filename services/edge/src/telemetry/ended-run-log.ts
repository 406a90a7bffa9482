import type { Logger } from "@openclaw/runtime";
import type { EndedRun } from "../runs/live-run.ts";
import type { SessionHash } from "./session-hash.ts";

export interface EndedRunLog {
  readonly log: Pick<Logger, "info">;
  readonly sessionHash: SessionHash;
  readonly message: "run finished" | "resumed run finished";
}

/** The one line that a run leaves in an edge's log: all its numbers, and none of its words. */
export function logEnded(
  { byEdge: _, chain: __, edgePhases: ___, terminal, phases, session, ...facts }: EndedRun,
  { log, sessionHash, message }: EndedRunLog,
): void {
  const detail =
    terminal.type === "failed"
      ? { code: terminal.failure.code }
      : terminal.type === "completed"
        ? { finish: terminal.finish, usage: terminal.usage }
        : { reason: terminal.reason };
  const run = { ...facts, sessionHash: sessionHash(session) };
  log.info({ ...run, outcome: terminal.type, ...detail, ...phases }, message);
}
