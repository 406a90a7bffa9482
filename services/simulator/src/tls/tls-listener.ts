/**
 * The simulator's TLS port.
 *
 * On one machine a handshake costs 1 ms. So the port holds each new connection for `handshakeMs` before it reads the
 * first byte. A far provider would hold a client as long if the client did not connect ahead of time. A resumed
 * handshake is held as long: a ticket saves work, and with TLS 1.3 no round trip.
 */
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createSecureServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Certificate } from "./certificate.ts";

export interface TlsSettings {
  /** 0 takes any free port. */
  readonly port: number;
  /** How long every new connection is held before its handshake. 0 by default. */
  readonly handshakeMs?: number;
  /** Offers HTTP/2 before HTTP/1.1. Not by default. */
  readonly http2?: boolean;
  /** Where the certificate is written at the start, for `NODE_EXTRA_CA_CERTS` of other processes. */
  readonly certFile?: string | undefined;
}

export interface TlsListenerOptions {
  readonly settings: TlsSettings;
  readonly host: string;
  readonly backlog: number;
  readonly certificate: Certificate;
  /** How long an HTTP/1.1 connection may idle. */
  readonly idleMs: number;
  /** A TCP connection was accepted, TLS still to come. */
  readonly onSocket: (socket: Socket) => void;
  readonly onHandshake: (kind: "full" | "resumed") => void;
  /** What carries requests from now on: the socket, or with HTTP/2 the session. */
  readonly onConnection: (connection: TLSSocket | ServerHttp2Session) => void;
  readonly onRequest: RequestListener;
}

export class TlsListener {
  readonly #options: TlsListenerOptions;
  readonly #front: Server;
  readonly #held = new Set<NodeJS.Timeout>();

  constructor(options: TlsListenerOptions) {
    this.#options = options;
    const secure = secureServer(options);
    // Nothing is read before its time, so that the client's hello waits in the kernel as on a wire.
    this.#front = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      options.onSocket(socket);
      socket.on("error", () => socket.destroy());
      this.#hold(socket, () => secure.emit("connection", socket));
    });
  }

  /** @returns the port */
  async start(): Promise<number> {
    const { host, settings, backlog } = this.#options;
    this.#front.listen({ host, port: settings.port, backlog });
    await once(this.#front, "listening");
    // A TCP server's address is never the string of a pipe.
    return (this.#front.address() as AddressInfo).port;
  }

  /** Accepts nothing new. Resolves when every socket that was accepted is closed. */
  async stop(): Promise<void> {
    for (const timer of this.#held) clearTimeout(timer);
    this.#held.clear();
    const closed = once(this.#front, "close");
    this.#front.close();
    await closed;
  }

  #hold(socket: Socket, proceed: () => void): void {
    const timer = setTimeout(() => {
      this.#held.delete(timer);
      if (!socket.destroyed) proceed();
    }, this.#options.settings.handshakeMs ?? 0);
    this.#held.add(timer);
  }
}

/** Never listens: it is handed connections. */
function secureServer(options: TlsListenerOptions): HttpsServer | Http2Server {
  const { certificate, idleMs, onConnection, onRequest } = options;
  const timeouts = { ...certificate, keepAliveTimeout: idleMs };
  const server = options.settings.http2
    ? createSecureServer({ ...timeouts, allowHTTP1: true })
    : createHttpsServer(timeouts);
  server.on("secureConnection", (socket: TLSSocket) => {
    options.onHandshake(socket.isSessionReused() ? "resumed" : "full");
    if (socket.alpnProtocol !== "h2") onConnection(socket);
  });
  server.on("session", onConnection);
  server.on("sessionError", () => undefined); // its session closes, which is what counts
  server.on("clientError", (_error: Error, socket: Socket) => socket.destroy());
  // The types know HTTP/2 requests apart; Node's compatibility API gives them the methods used here.
  server.on("request", onRequest as () => void);
  return server;
}
