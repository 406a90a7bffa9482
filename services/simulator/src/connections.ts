/**
 * The simulator's connections, from their accept to their close, and what each one carries.
 *
 * A TCP connection is counted when it is accepted. Requests come later, on the socket itself or, with
 * HTTP/2, many at once on the session that it carries.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Http2ServerRequest, type Http2Session } from "node:http2";
import type { Socket } from "node:net";
import { IdleSockets } from "./faults/idle-sockets.ts";
import type { SocketRecord } from "./handle-request.ts";
import type { Stats } from "./stats.ts";

export type Connection = Socket | Http2Session;

export class Connections {
  readonly #stats: Stats;
  readonly #idle: IdleSockets;
  readonly #sockets = new Set<Socket>();
  readonly #records = new Map<Connection, SocketRecord & { requests: number }>();

  constructor(stats: Stats) {
    this.#stats = stats;
    this.#idle = new IdleSockets(() => stats.socketIdleClosed());
  }

  /** Closes what carries no request for so long; `undefined` is no limit. */
  limitIdle(ms: number | undefined): void {
    this.#idle.limit(ms);
  }

  accept(socket: Socket): void {
    this.#sockets.add(socket);
    this.#stats.socketOpened();
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#stats.socketClosed();
    });
  }

  /** It may carry requests from now on. @param acceptedAt when it began, for what connecting costs */
  open(connection: Connection, acceptedAt: number): void {
    this.#records.set(connection, { acceptedAt, used: false, requests: 0 });
    this.#idle.rest(connection);
    connection.once("close", () => {
      this.#records.delete(connection);
      this.#idle.wake(connection);
    });
  }

  /** @returns the record of its connection; undefined for a connection that is gone already */
  begin(request: IncomingMessage, response: ServerResponse): SocketRecord | undefined {
    const connection = connectionOf(request);
    const record = connection && this.#records.get(connection);
    if (connection === undefined || record === undefined) return undefined;
    record.requests += 1;
    this.#idle.wake(connection);
    response.once("close", () => {
      record.requests -= 1;
      if (record.requests === 0 && this.#records.has(connection)) this.#idle.rest(connection);
    });
    return record;
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function connectionOf(request: IncomingMessage | Http2ServerRequest): Connection | undefined {
  return request instanceof Http2ServerRequest ? request.stream.session : request.socket;
}
