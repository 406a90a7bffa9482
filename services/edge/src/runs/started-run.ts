/** What a client asks of the cluster, and what it is given to follow. */
import type { ConversationMessage, RunParameters } from "@openclaw/protocol";
import type { CancelReason, Position } from "@openclaw/stream";
import type { Answer } from "../answers/answer.ts";

export interface RunRequest {
  /** From `newRunId`, where the client must know it before the run begins. */
  readonly runId?: string;
  readonly session: string;
  readonly messages: readonly ConversationMessage[];
  /** A provider or a group. The default answers where none is named. */
  readonly provider: string | undefined;
  /** How it is to be answered. */
  readonly wishes?: RunParameters;
  /** Goes on though nobody reads it, also without this edge. */
  readonly background?: boolean;
  /** W3C trace context of the client, where it sent one. */
  readonly traceparent?: string | undefined;
  readonly answer: Answer;
  /** Called once, after the client was told. */
  readonly onEnded: (run: StartedRun) => void;
}

/** A client that came back for a run. */
export interface ResumeRequest {
  readonly runId: string;
  /** Must be the run's own; where none is given, to know its id is enough. */
  readonly session?: string;
  /** The last position the client has. */
  readonly after: Position;
  readonly answer: Answer;
  /** Told before the first entry is delivered. */
  readonly onResumed: (outcome: "replayed" | "complete") => void;
  readonly onEnded: (run: StartedRun) => void;
}

export type ResumeOutcome = "replayed" | "complete" | ResumeRefusal;
export type ResumeRefusal =
  | "unknown_run"
  | "unknown_position"
  /** Of the client: Redis took over without what it has seen. The run goes on, and its next attempt is ahead. */
  | "ahead"
  | "too_many_readers"
  /** The run is over, and the client has its end. */
  | "nothing_left";

export interface StartedRun {
  readonly runId: string;
  readonly session: string;
  /** On whose queue it began. */
  readonly provider: string;
  readonly isEnded: boolean;
  cancel(reason: CancelReason): void;
  /** The client can take more again. */
  resume(): void;
  /** The client is gone but may come back: the run goes on unread. */
  detach(): void;
}
