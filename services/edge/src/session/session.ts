import type { ConnectionEvents } from "../socket/socket-server.ts";

/** One connection's conversation, in whichever protocol. */
export interface Session extends ConnectionEvents {
  /** Takes nothing new and tells the client to come back; calls `onIdle` when nothing is open. */
  drain(): void;
  readonly isIdle: boolean;
}
