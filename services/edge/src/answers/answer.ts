import { type Failure, failure } from "@openclaw/protocol";
import type {
  DeltaEntry,
  Position,
  StartedEntry,
  TerminalEntry,
  ToolCallEntry,
} from "@openclaw/stream";
import type { RunPhases } from "./run-clock.ts";

/**
 * Writes the entries of one run to one client, in one protocol.
 *
 * The calls come in the order of the log. `onTerminal` is the last call, and comes exactly once.
 */
export interface Answer {
  /** Whether the client can come back for the rest. If so, leaving need not end the run. */
  readonly isResumable: boolean;
  /** Whether text reaches a client as it comes. If not, there is no time of a first text. */
  readonly isStreamed: boolean;
  /** The run is on its queue: from now on it ends even if this edge dies. */
  onAccepted(): void;
  /**
   * The run still waits for a worker, with `position` runs in front of it. `waitMs` is an estimate.
   */
  onQueued(position: number, waitMs: number): void;
  /** An attempt begins, the first or another one. */
  onStarted(position: Position, started: StartedEntry): void;
  /** Answers what was done with the piece. */
  onDelta(position: Position, delta: DeltaEntry): DeltaOutcome;
  /** Likewise, for a piece of a tool call. */
  onToolCall(position: Position, call: ToolCallEntry): DeltaOutcome;
  /**
   * Answers whether text that was held back was written with it.
   *
   * @param position of the terminal in the log; undefined if this edge ends the run before the log has its end
   */
  onTerminal(terminal: TerminalEntry, phases: RunPhases, position: Position | undefined): boolean;
  /** Groups what is written inside `write` into one system call. */
  batch(write: () => void): void;
}

export type DeltaOutcome =
  | "written" // text was handed to the socket
  | "held" // nothing to write (yet): held back, or already known to the client
  | "full" // written, but the client must catch up before it is sent more
  | "interrupted"; // this attempt differs from what the client already has

/** The client is away, and may come back before the run is abandoned. */
export const NO_READER: Answer = {
  isResumable: true,
  isStreamed: true,
  onAccepted: () => undefined,
  onQueued: () => undefined,
  onStarted: () => undefined,
  onDelta: () => "held",
  onToolCall: () => "held",
  onTerminal: () => false,
  batch: (write) => write(),
};

/** The failure that a client is told for a run that did not complete, in protocols that have no other end. */
export function failureOf(terminal: Exclude<TerminalEntry, { type: "completed" }>): Failure {
  if (terminal.type === "failed") return terminal.failure;
  return failure(terminal.reason === "interrupted" ? "interrupted" : "cancelled");
}
