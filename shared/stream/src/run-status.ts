import type { RunState } from "@openclaw/protocol";
import type { Position } from "./position.ts";

/** Where the clock of epochs begins, in Unix time. */
const EPOCHS_SINCE_MS = Date.UTC(2025, 0, 1);

/** The status of a run. Durations by the clock of Redis, in ms since the run was created. */
export interface RunStatus {
  readonly state: RunState;
  /** On whose queue the run is, or was last. */
  readonly provider: string;
  readonly position: Position;
  readonly attempts: number;
  /** Unix time in ms. */
  readonly createdAt: number;
  readonly ageMs: number;
  /** Until a worker first took it. */
  readonly startedMs: number | undefined;
  /** Until its first piece: text, reasoning or a tool call. */
  readonly firstPieceMs: number | undefined;
  readonly endedMs: number | undefined;
  /** Whether it is a run in the background that should have ended by now. */
  readonly isOverdue: boolean;
}

/** Reads the answer of `status.lua`; undefined for a run that is not known. */
export function parseRunStatus(reply: unknown): RunStatus | undefined {
  // The shape is the script's own.
  const [now = 0, state, provider, ...rest] = reply as [number?, RunState?, string?, ...string[]];
  if (state === undefined || provider === undefined) return undefined;
  const numbers = rest.map((text) => (text === "" ? undefined : Number(text)));
  const [epoch = 0, seq = 0, attempts = 0, createdAt = now, started, first, ended, due] = numbers;
  // Where another Redis took over, its clock may be behind.
  const since = (time: number) => Math.max(0, time - createdAt);
  return {
    state,
    provider,
    position: { epoch, seq },
    attempts,
    createdAt: EPOCHS_SINCE_MS + createdAt,
    ageMs: since(now),
    startedMs: started === undefined ? undefined : since(started),
    firstPieceMs: first === undefined ? undefined : since(first),
    endedMs: ended === undefined ? undefined : since(ended),
    isOverdue: ended === undefined && due !== undefined && now >= due,
  };
}
