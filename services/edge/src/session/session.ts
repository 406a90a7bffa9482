import type { Failure } from "@openclaw/protocol";
import type { ConnectionEvents } from "../socket/connection.ts";

/** What a session is told by its owner. */
export interface SessionContext {
  /** Nothing is open or waits any more. */
  readonly onIdle: () => void;
  /** Whether a frame may be refused in words. Otherwise its client sent too many such, and the connection is closed. */
  readonly mayRefuse: (reason: Failure) => boolean;
}

/** One connection's conversation, in whichever protocol. */
export interface Session extends Omit<ConnectionEvents, "onBinary" | "onControl"> {
  onBinary(): void;
  /** Takes nothing new and tells the client to come back; calls `onIdle` when nothing is open. */
  drain(): void;
  readonly isIdle: boolean;
}
