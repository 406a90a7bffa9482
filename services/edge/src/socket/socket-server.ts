/**
 * The WebSocket endpoints on uWebSockets.js. Only this folder and `http` know the library.
 *
 * Rules it imposes: everything of the upgrade request is copied before anything is awaited, no
 * exception leaves a callback, and no socket is touched after its close event.
 */

import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_socket_context_t,
  WebSocket,
} from "uWebSockets.js";
import { randomUUID } from "node:crypto";
import {
  CLOSE_CODES,
  type Failure,
  failure,
  sessionOfPath,
  V2_SUBPROTOCOL,
  v1ErrorFrame,
  v2Error,
} from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import { refusalOf } from "../http/api-error.ts";
import type { Gate } from "../http/gate.ts";
import type { Headers } from "../http/http-exchange.ts";
import { statusLine } from "../http/http-status.ts";
import type { ClientKeys } from "../inbound/client-keys.ts";
import { Connection, MAX_BUFFERED_BYTES, type SlowConsumerLimits } from "./connection.ts";

/** What uWebSockets.js keeps with a socket. */
export interface ConnectionData {
  readonly id: string;
  readonly session: string;
  readonly protocol: "v1" | "v2";
  /** Why it is closed as soon as it is open. */
  readonly refusal?: Failure;
  readonly traceparent: string | undefined;
  /** Set when the socket opens. */
  connection?: Connection;
}

/** What a connection's owner wants to know. */
export interface ConnectionEvents {
  onText(frame: string): void;
  onBinary(): void;
  /** The socket is gone; nothing can be sent any more. */
  onClose(): void;
}

export interface SocketServerOptions extends SlowConsumerLimits {
  readonly log: Logger;
  /** Longest frame that is read; a longer one is refused with a reason and the socket closed. */
  readonly maxFrameBytes: number;
  readonly gate: Pick<Gate, "admit">;
  readonly clientKeys: ClientKeys;
  /** Why no connection is taken right now. */
  readonly refusal: () => Failure | undefined;
  readonly onRefused: (reason: Failure) => void;
  readonly onConnection: (connection: Connection) => ConnectionEvents;
}

/**
 * What is longer than our own limit by more than this is cut by uWebSockets, without a word, which clients
 * take for a lost connection. A frame must be kept whole to be refused with a reason, so there is an end to it.
 */
const REFUSED_ALOUD_BYTES = 4 * 1024 * 1024;
/** Seconds without a sign of life after which a peer is taken for dead; pings go out before. */
const IDLE_TIMEOUT_S = 40;
/** Of every version of it that there is. */
const TRACEPARENT_LENGTH = 55;

/** Adds the WebSocket routes to an app. */
export function serveSockets(app: TemplatedApp, options: SocketServerOptions): void {
  const events = new WeakMap<Connection, ConnectionEvents>();
  const guard = (what: string, act: () => void) => {
    try {
      act();
    } catch (error) {
      options.log.error({ err: error, event: what }, "socket event failed");
    }
  };
  const behavior = {
    maxPayloadLength: options.maxFrameBytes + REFUSED_ALOUD_BYTES,
    maxBackpressure: MAX_BUFFERED_BYTES,
    idleTimeout: IDLE_TIMEOUT_S,
    sendPingsAutomatically: true,
    upgrade: (response: HttpResponse, request: HttpRequest, context: us_socket_context_t) => {
      const { refusal: unwanted, headers } = options.gate.admit(request);
      const refusal = unwanted ?? options.refusal() ?? keyRefusal(options.clientKeys, request);
      if (refusal) options.onRefused(refusal);
      if (refusal && !isToldLater(refusal, request)) refuseUpgrade(response, refusal, headers);
      else upgrade(response, request, { context, headers, ...(refusal && { refusal }) });
    },
    open: (socket: WebSocket<ConnectionData>) =>
      guard("open", () => {
        const data = socket.getUserData();
        const connection = new Connection(socket, data, options);
        data.connection = connection;
        if (data.refusal) {
          connection.send(JSON.stringify(v2Error(data.refusal)));
          connection.end(CLOSE_CODES.invalidApiKey, "the API key is missing or wrong");
          return;
        }
        events.set(connection, options.onConnection(connection));
      }),
    message: (socket: WebSocket<ConnectionData>, message: ArrayBuffer, isBinary: boolean) =>
      guard("message", () => {
        const { connection } = socket.getUserData();
        const owner = connection && events.get(connection);
        if (!connection || !owner) return;
        if (message.byteLength > options.maxFrameBytes) {
          refuseFrame(connection, message.byteLength, options.maxFrameBytes);
        } else if (isBinary) owner.onBinary();
        else owner.onText(Buffer.from(message).toString());
      }),
    drain: (socket: WebSocket<ConnectionData>) =>
      guard("drain", () => socket.getUserData().connection?.drained()),
    close: (socket: WebSocket<ConnectionData>) =>
      guard("close", () => {
        const { connection } = socket.getUserData();
        if (!connection) return;
        connection.closed();
        events.get(connection)?.onClose();
      }),
  };
  app.ws<ConnectionData>("/ws/stream", behavior);
  app.ws<ConnectionData>("/ws/stream/", behavior);
  app.ws<ConnectionData>("/ws/stream/:session", behavior);
}

function keyRefusal(clientKeys: ClientKeys, request: HttpRequest): Failure | undefined {
  const credentials = {
    authorization: request.getHeader("authorization"),
    apiKey: request.getQuery("api_key"),
  };
  return clientKeys.accept(credentials) ? undefined : failure("invalid_api_key");
}

/**
 * A client of v2 is told of its key by a close code that says not to come back: what a failed upgrade was answered
 * with is not shown to WebSocket clients, who would take it for a gateway that is away, and try again.
 */
function isToldLater({ code }: Failure, request: HttpRequest): boolean {
  return code === "invalid_api_key" && protocolOf(request) === "v2";
}

function protocolOf(request: HttpRequest): "v1" | "v2" {
  const offered = request.getHeader("sec-websocket-protocol").split(/\s*,\s*/);
  return offered.includes(V2_SUBPROTOCOL) ? "v2" : "v1";
}

function upgrade(
  response: HttpResponse,
  request: HttpRequest,
  {
    context,
    headers,
    refusal,
  }: { context: us_socket_context_t; headers: Headers; refusal?: Failure },
): void {
  const key = request.getHeader("sec-websocket-key");
  const extensions = request.getHeader("sec-websocket-extensions");
  const asked = sessionOfPath(request.getParameter(0) ?? "");
  if (asked === undefined) {
    refuseUpgrade(response, failure("invalid_session"), headers);
    return;
  }
  const protocol = protocolOf(request);
  // Kept as long as the connection, so not whatever length it has.
  const traceparent = request.getHeader("traceparent").slice(0, TRACEPARENT_LENGTH) || undefined;
  const data: ConnectionData = {
    id: randomUUID(),
    session: asked || randomUUID(),
    protocol,
    traceparent,
    ...(refusal && { refusal }),
  };
  // Another subprotocol is not confirmed: a client that needs it must not go on.
  const confirmed = protocol === "v2" ? V2_SUBPROTOCOL : "";
  response.cork(() => response.upgrade(data, key, confirmed, extensions, context));
}

function refuseUpgrade(response: HttpResponse, refusal: Failure, headers: Headers): void {
  response.cork(() => {
    response.writeStatus(statusLine(refusalOf(refusal).status));
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
    response.writeHeader("content-type", "application/json").end(v1ErrorFrame(refusal));
  });
}

function refuseFrame(connection: Connection, bytes: number, limit: number): void {
  const message = `The frame is ${bytes} bytes long; this server accepts ${limit}.`;
  // The same shape in both protocols.
  connection.send(v1ErrorFrame(failure("frame_too_long", message)));
  connection.end(CLOSE_CODES.frameTooLong, `frame longer than ${limit} bytes`);
}
