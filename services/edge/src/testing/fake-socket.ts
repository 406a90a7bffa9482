/** A connection without a network: what was done to its socket is noted. */
import type { WebSocket } from "uWebSockets.js";
import { Connection } from "../socket/connection.ts";
import type { ConnectionData } from "../socket/socket-server.ts";

export class FakeSocket {
  readonly sent: string[] = [];
  /** Written and not taken by the kernel. */
  bufferedBytes = 0;
  isClosed = false;

  send(frame: string): number {
    this.sent.push(frame);
    return 1;
  }

  getBufferedAmount(): number {
    return this.bufferedBytes;
  }

  end(): void {
    this.isClosed = true;
  }

  close(): void {
    this.isClosed = true;
  }
}

export function fakeConnection(protocol: "v1" | "v2" = "v1") {
  const socket = new FakeSocket();
  const data = { id: "c", session: "s", protocol, traceparent: undefined };
  // What a connection uses of them.
  const connection = new Connection(
    socket as unknown as WebSocket<ConnectionData>,
    data as ConnectionData,
    { slowConsumerMs: 60_000 },
  );
  return { socket, connection };
}
