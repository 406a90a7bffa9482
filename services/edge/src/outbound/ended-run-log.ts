import type { Logger } from "@openclaw/runtime";
import type { EndedRun } from "./live-run.ts";

/** The one line that a run leaves in an edge's log: all its numbers, and none of its words. */
export function logEnded(
  log: Pick<Logger, "info">,
  { byEdge: _, chain: __, edgePhases: ___, terminal, phases, session, ...facts }: EndedRun,
  message: "run finished" | "resumed run finished",
): void {
  const detail =
    terminal.type === "failed"
      ? { code: terminal.failure.code }
      : terminal.type === "completed"
        ? { finish: terminal.finish, usage: terminal.usage }
        : { reason: terminal.reason };
  const run = { ...facts, session: visible(session) };
  log.info({ ...run, outcome: terminal.type, ...detail, ...phases }, message);
}

/** Line separators of Unicode end a line for some readers of logs; its other marks turn the text behind them round. */
function visible(session: string): string {
  return session.replace(
    /[\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
