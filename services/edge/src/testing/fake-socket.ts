/** A connection without a network. The fake keeps what was done to its socket. */
import type { WebSocket } from "uWebSockets.js";
import { Connection } from "../socket/connection.ts";

export class FakeSocket {
  readonly sent: string[] = [];
  /** Bytes written and not taken by the kernel. */
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
  // The part of a socket that a connection uses.
  const connection = new Connection(socket as unknown as WebSocket<unknown>, data, {
    slowConsumerMs: 60_000,
  });
  return { socket, connection };
}
