import type { Failure } from "@openclaw/protocol";
import type { ClientAddress } from "./client-address.ts";
import type { Connection } from "./connection.ts";

/** What uWebSockets.js keeps with a WebSocket, from its upgrade to its close event. */
export interface ConnectionData {
  readonly id: string;
  readonly session: string;
  readonly protocol: "v1" | "v2";
  readonly address: ClientAddress;
  /** Why the connection is closed as soon as it is open. */
  readonly refusal?: Failure;
  /** W3C trace context that the client connected with. */
  readonly traceparent: string | undefined;
  /** Set when the socket opens. */
  connection?: Connection;
}
