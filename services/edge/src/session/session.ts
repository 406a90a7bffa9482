import type { Failure } from "@openclaw/protocol";
import type { ConnectionEvents } from "../socket/connection.ts";

/** What the owner of a session gives it. */
export interface SessionContext {
  /** Called when no run is open and no message waits. */
  readonly onIdle: () => void;
  /**
   * Whether a frame may be answered with its refusal. If not, its client sent too many bad frames, and the
   * connection is closed.
   */
  readonly mayRefuse: (reason: Failure) => boolean;
}

/** The conversation of one connection, in either protocol. */
export interface Session extends Omit<ConnectionEvents, "onBinary" | "onControl"> {
  onBinary(): void;
  /** Takes nothing new and tells the client to come back. Calls `onIdle` when nothing is open. */
  drain(): void;
  readonly isIdle: boolean;
}
