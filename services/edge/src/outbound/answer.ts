import type { DeltaEntry, TerminalEntry } from "@openclaw/stream";

/**
 * Where a run's entries go: one protocol's way of writing them to one client.
 *
 * Called in the order of the log, `onTerminal` exactly once and last.
 */
export interface Answer {
  /** An attempt begins; the first has epoch 1. */
  onStarted(epoch: number): void;
  /** Answers what became of the piece. */
  onDelta(delta: DeltaEntry): DeltaOutcome;
  onTerminal(terminal: TerminalEntry): void;
  /** Groups what is written inside `write` into one system call. */
  batch(write: () => void): void;
}

export type DeltaOutcome =
  | "written" // text was handed to the socket
  | "held" // nothing to write (yet): held back, or already known to the client
  | "full" // written, but the client must catch up before it is sent more
  | "interrupted"; // this attempt differs from what the client already has
