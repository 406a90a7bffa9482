/**
 * The WebSocket endpoints on uWebSockets.js. Only this folder and `http` know the library.
 *
 * Rules that the library imposes: no exception leaves a callback, and no socket is touched after its close event.
 */

import type { TemplatedApp, WebSocket, WebSocketBehavior } from "uWebSockets.js";
import { CLOSE_CODES, failure, v1ErrorFrame, v2Error } from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import {
  Connection,
  type ConnectionEvents,
  MAX_BUFFERED_BYTES,
  type SlowConsumerLimits,
} from "./connection.ts";
import type { ConnectionData } from "./connection-data.ts";
import { type UpgradeOptions, Upgrades } from "./upgrade.ts";

export interface SocketServerOptions extends SlowConsumerLimits, UpgradeOptions {
  readonly log: Logger;
  /** Longest frame that is read. A longer frame is refused and its socket closed. */
  readonly maxFrameBytes: Readonly<Record<"v1" | "v2", number>>;
  readonly onConnection: (connection: Connection) => ConnectionEvents;
}

type Socket = WebSocket<ConnectionData>;

/** Seconds without a sign of life until a peer counts as dead. Pings go out before. */
const IDLE_TIMEOUT_S = 40;
export const SOCKET_PATHS = ["/ws/stream", "/ws/stream/", "/ws/stream/:session"] as const;

export class SocketServer {
  readonly #options: SocketServerOptions;
  readonly #upgrades: Upgrades;
  readonly #events = new WeakMap<Connection, ConnectionEvents>();

  constructor(options: SocketServerOptions) {
    this.#options = options;
    this.#upgrades = new Upgrades(options);
  }

  /** Adds the WebSocket routes to an app. */
  serve(app: TemplatedApp): void {
    const behavior: WebSocketBehavior<ConnectionData> = {
      // One limit for both protocols, since a client chooses its protocol. uWebSockets.js cuts the connection when the
      // head of a longer frame announces its length. To give a reason, the edge would have to keep the
      // frame. So only v1 clients, whose limit is lower, get a reason.
      maxPayloadLength: Math.max(...Object.values(this.#options.maxFrameBytes)),
      maxBackpressure: MAX_BUFFERED_BYTES,
      idleTimeout: IDLE_TIMEOUT_S,
      sendPingsAutomatically: true,
      upgrade: (...request) => this.#upgrades.take(...request),
      open: (socket) => this.#guard("open", () => this.#onOpen(socket)),
      message: (socket, message, isBinary) =>
        this.#guard("message", () => this.#onMessage(socket, message, isBinary)),
      ping: (socket) => this.#guard("control", () => this.#onControl(socket)),
      pong: (socket) => this.#guard("control", () => this.#onControl(socket)),
      drain: (socket) => this.#guard("drain", () => socket.getUserData().connection?.drained()),
      close: (socket) => this.#guard("close", () => this.#onClose(socket)),
    };
    for (const path of SOCKET_PATHS) app.ws<ConnectionData>(path, behavior);
  }

  #guard(event: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.log.error({ err: error, event }, "socket event failed");
    }
  }

  #onOpen(socket: Socket): void {
    const { addressLimit, onConnection } = this.#options;
    const data = socket.getUserData();
    const connection = new Connection(socket, data, this.#options);
    data.connection = connection;
    addressLimit.opened(data.address);
    if (data.refusal) {
      connection.send(JSON.stringify(v2Error(data.refusal)));
      connection.end(CLOSE_CODES.invalidApiKey, "the API key is missing or wrong");
      return;
    }
    this.#events.set(connection, onConnection(connection));
  }

  #onMessage(socket: Socket, message: ArrayBuffer, isBinary: boolean): void {
    const { connection } = socket.getUserData();
    const events = connection && this.#events.get(connection);
    if (!connection || !events) return;
    connection.heard(message.byteLength);
    const limit = this.#options.maxFrameBytes[connection.protocol];
    if (message.byteLength > limit) refuseFrame(connection, message.byteLength, limit);
    else if (isBinary) events.onBinary(message.byteLength);
    else events.onText(Buffer.from(message).toString());
  }

  #onControl(socket: Socket): void {
    const { connection } = socket.getUserData();
    connection?.heard();
    if (connection) this.#events.get(connection)?.onControl();
  }

  #onClose(socket: Socket): void {
    const { connection, address } = socket.getUserData();
    if (!connection) return;
    this.#options.addressLimit.closed(address);
    connection.closed();
    this.#events.get(connection)?.onClose();
  }
}

function refuseFrame(connection: Connection, bytes: number, limit: number): void {
  const message = `The frame is ${bytes} bytes long; this server accepts ${limit}.`;
  // Both protocols have the same shape of this error.
  connection.send(v1ErrorFrame(failure("frame_too_long", message)));
  connection.end(CLOSE_CODES.frameTooLong, `frame longer than ${limit} bytes`);
}
