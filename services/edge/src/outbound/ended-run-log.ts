import type { Logger } from "@openclaw/runtime";
import type { EndedRun } from "./live-run.ts";

/** The one line that a run leaves in an edge's log: all its numbers, and none of its words. */
export function logEnded(
  log: Pick<Logger, "info">,
  { byEdge: _, chain: __, edgePhases: ___, terminal, phases, ...facts }: EndedRun,
  message: "run finished" | "resumed run finished",
): void {
  const detail =
    terminal.type === "failed"
      ? { code: terminal.failure.code }
      : terminal.type === "completed"
        ? { finish: terminal.finish, usage: terminal.usage }
        : { reason: terminal.reason };
  log.info({ ...facts, outcome: terminal.type, ...detail, ...phases }, message);
}
