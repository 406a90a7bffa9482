/** Puts the report of a run together, from its record and its log. */
import { failure, type RunReport } from "@openclaw/protocol";
import type { Position, RunStatus, TerminalEntry } from "@openclaw/stream";
import type { GatheredText } from "../answers/gathered-text.ts";

/** What was read of a run's log. */
export interface ReadLog {
  readonly gathered: GatheredText;
  /** Of the last entry that was read. */
  readonly position: Position;
  readonly terminal: TerminalEntry | undefined;
}

export function reportOf(id: string, status: RunStatus, log: ReadLog): RunReport {
  const { gathered, position, terminal } = log;
  const { text, reasoning, refusal, calls, model } = gathered;
  return {
    id,
    // The log is the truth: it was read after the record, and may already have the end.
    state: terminal?.type ?? status.state,
    provider: gathered.provider ?? status.provider,
    ...(model !== undefined && { model }),
    attempts: status.attempts,
    position,
    text,
    ...(reasoning !== "" && { reasoning }),
    ...(refusal !== "" && { refusal }),
    ...(calls.length > 0 && { toolCalls: calls }),
    ...endOf(terminal),
    timings: timingsOf(status),
  };
}

function endOf(terminal: TerminalEntry | undefined): Pick<RunReport, "finish" | "usage" | "error"> {
  switch (terminal?.type) {
    case "completed": {
      const { finish, usage } = terminal;
      return { finish, ...(usage && { usage }) };
    }
    case "failed":
      return { error: terminal.failure };
    case "cancelled":
      return terminal.reason === "interrupted" ? { error: failure("interrupted") } : {};
    default:
      return {};
  }
}

function timingsOf(status: RunStatus): RunReport["timings"] {
  const { createdAt, ageMs, startedMs, firstPieceMs, endedMs } = status;
  return {
    createdAt: new Date(createdAt).toISOString(),
    queuedMs: startedMs ?? endedMs ?? ageMs,
    ...(startedMs !== undefined && { startedMs }),
    ...(firstPieceMs !== undefined && { firstTextMs: firstPieceMs }),
    ...(endedMs !== undefined && { totalMs: endedMs }),
  };
}
