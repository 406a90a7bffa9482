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
import type { ClientKeys } from "../admission/client-keys.ts";
import { refusalOf } from "../http/exchange/api-error.ts";
import type { Gate } from "../http/exchange/gate.ts";
import type { Headers } from "../http/exchange/http-exchange.ts";
import { statusLine } from "../http/exchange/http-status.ts";
import type { AddressLimit } from "./address-limit.ts";
import type { ClientAddress, ClientAddresses } from "./client-address.ts";
import { Connection, MAX_BUFFERED_BYTES, type SlowConsumerLimits } from "./connection.ts";

/** What uWebSockets.js keeps with a socket. */
export interface ConnectionData {
  readonly id: string;
  readonly session: string;
  readonly protocol: "v1" | "v2";
  readonly address: ClientAddress;
  /** Why it is closed as soon as it is open. */
  readonly refusal?: Failure;
  readonly traceparent: string | undefined;
  /** Set when the socket opens. */
  connection?: Connection;
}

/** What a connection's owner wants to know. */
export interface ConnectionEvents {
  onText(frame: string): void;
  onBinary(bytes: number): void;
  /** A ping, which uWebSockets.js has answered, or a pong. */
  onControl(): void;
  /** The socket is gone; nothing can be sent any more. */
  onClose(): void;
}

export interface SocketServerOptions extends SlowConsumerLimits {
  readonly log: Logger;
  /** Longest frame that is read; a longer one is refused and its socket closed. */
  readonly maxFrameBytes: Readonly<Record<"v1" | "v2", number>>;
  readonly addresses: Pick<ClientAddresses, "of">;
  readonly addressLimit: AddressLimit;
  readonly gate: Pick<Gate, "admit">;
  readonly clientKeys: ClientKeys;
  /** Why no connection is taken right now. */
  readonly refusal: () => Failure | undefined;
  readonly onRefused: (reason: Failure) => void;
  readonly onConnection: (connection: Connection) => ConnectionEvents;
}

/** Seconds without a sign of life after which a peer is taken for dead; pings go out before. */
const IDLE_TIMEOUT_S = 40;
const CROWDED = failure(
  "overloaded",
  "There are as many connections from your address as this server takes. Try again shortly.",
);
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
  const control = (socket: WebSocket<ConnectionData>) =>
    guard("control", () => {
      const { connection } = socket.getUserData();
      connection?.heard();
      if (connection) events.get(connection)?.onControl();
    });
  const behavior = {
    // One for both, since a client chooses its protocol. What is longer is cut as soon as the frame says so, without a
    // word: it would have to be kept whole to be refused with a reason. So only v1 clients are told.
    maxPayloadLength: Math.max(...Object.values(options.maxFrameBytes)),
    maxBackpressure: MAX_BUFFERED_BYTES,
    idleTimeout: IDLE_TIMEOUT_S,
    sendPingsAutomatically: true,
    upgrade: (response: HttpResponse, request: HttpRequest, context: us_socket_context_t) => {
      const { refusal: unwanted, headers, hasUnsureEnd } = options.gate.admit(request);
      if (unwanted && hasUnsureEnd) {
        options.onRefused(unwanted);
        response.close();
        return;
      }
      const address = options.addresses.of(response.getRemoteAddress(), forwardedOf(request));
      const crowded = options.addressLimit.hasRoom(address) ? undefined : CROWDED;
      const refusal =
        unwanted ?? options.refusal() ?? crowded ?? keyRefusal(options.clientKeys, request);
      if (refusal) options.onRefused(refusal);
      if (refusal && !isToldLater(refusal, request)) refuseUpgrade(response, refusal, headers);
      else upgrade(response, request, { context, headers, address, ...(refusal && { refusal }) });
    },
    open: (socket: WebSocket<ConnectionData>) =>
      guard("open", () => {
        const data = socket.getUserData();
        const connection = new Connection(socket, data, options);
        data.connection = connection;
        options.addressLimit.opened(data.address);
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
        connection.heard(message.byteLength);
        const limit = options.maxFrameBytes[connection.protocol];
        if (message.byteLength > limit) {
          refuseFrame(connection, message.byteLength, limit);
        } else if (isBinary) owner.onBinary(message.byteLength);
        else owner.onText(Buffer.from(message).toString());
      }),
    ping: control,
    pong: control,
    drain: (socket: WebSocket<ConnectionData>) =>
      guard("drain", () => socket.getUserData().connection?.drained()),
    close: (socket: WebSocket<ConnectionData>) =>
      guard("close", () => {
        const { connection, address } = socket.getUserData();
        if (!connection) return;
        options.addressLimit.closed(address);
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

/** Every line of the header, in order: a proxy may add one of its own behind a line that the client made up. */
function forwardedOf(request: HttpRequest): string[] {
  const lines: string[] = [];
  request.forEach((name, value) => {
    if (name === "x-forwarded-for") lines.push(value);
  });
  return lines;
}

function upgrade(
  response: HttpResponse,
  request: HttpRequest,
  {
    context,
    headers,
    address,
    refusal,
  }: {
    context: us_socket_context_t;
    headers: Headers;
    address: ClientAddress;
    refusal?: Failure;
  },
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
    address,
    traceparent,
    ...(refusal && { refusal }),
  };
  // Another subprotocol is not confirmed: a client that needs it must not go on.
  const confirmed = protocol === "v2" ? V2_SUBPROTOCOL : "";
  response.cork(() => response.upgrade(data, key, confirmed, extensions, context));
}

/** Closes the connection too, which its client has no other use for. */
function refuseUpgrade(response: HttpResponse, refusal: Failure, headers: Headers): void {
  response.cork(() => {
    response.writeStatus(statusLine(refusalOf(refusal).status));
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
    response.writeHeader("content-type", "application/json").end(v1ErrorFrame(refusal), true);
  });
}

function refuseFrame(connection: Connection, bytes: number, limit: number): void {
  const message = `The frame is ${bytes} bytes long; this server accepts ${limit}.`;
  // The same shape in both protocols.
  connection.send(v1ErrorFrame(failure("frame_too_long", message)));
  connection.end(CLOSE_CODES.frameTooLong, `frame longer than ${limit} bytes`);
}
