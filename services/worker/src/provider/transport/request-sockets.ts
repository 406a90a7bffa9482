/**
 * Finds the socket that carries a request.
 *
 * undici does not tell its caller which of its sockets carries a request. It publishes that on diagnostics
 * channels, for every request of the process. A request is recognised by its body: undici keeps the object
 * that it is given, and each request here has its own.
 */
import diagnostics from "node:diagnostics_channel";
import { Socket } from "node:net";

const SEND_HEADERS = "undici:client:sendHeaders";
/** The response is complete, or the request failed: the socket is the pool's again. */
const OVER = ["undici:request:trailers", "undici:request:error"];

export interface RequestSocket {
  readonly socket: Socket;
  /** When the request went out, on this process's monotonic clock. */
  readonly sentAt: number;
  /** The socket carried another request before this one. */
  readonly reused: boolean;
  /** The response is not complete: the socket is this request's alone. */
  readonly busy: boolean;
}

export interface RequestSocketEvents {
  /** A request goes out on this socket, which may be any of the process. */
  readonly onSent: (socket: Socket) => void;
  /** Its response is complete, or it failed. */
  readonly onOver: (socket: Socket) => void;
}

export class RequestSockets {
  readonly #events: RequestSocketEvents;
  readonly #sockets = new WeakMap<object, RequestSocket>();
  readonly #used = new WeakSet<Socket>();

  constructor(events: RequestSocketEvents) {
    this.#events = events;
  }

  start(): void {
    diagnostics.subscribe(SEND_HEADERS, this.#onSendHeaders);
    for (const channel of OVER) diagnostics.subscribe(channel, this.#onOver);
  }

  stop(): void {
    diagnostics.unsubscribe(SEND_HEADERS, this.#onSendHeaders);
    for (const channel of OVER) diagnostics.unsubscribe(channel, this.#onOver);
  }

  /** The socket of the request with this body; undefined while the request waits for one. */
  of(body: Uint8Array): RequestSocket | undefined {
    return this.#sockets.get(body);
  }

  /**
   * Closes the socket of a request, unless its response is complete and the socket may carry another run.
   *
   * undici's own abort leaves the request in its queue and opens a new connection for it. Every cancelled run
   * would cost a handshake. A run against a dead host would keep its place in the pool until the connect
   * timeout.
   */
  close(body: Uint8Array): void {
    const found = this.#sockets.get(body);
    if (found?.busy) found.socket.destroy(new Error("the run is over"));
  }

  readonly #onSendHeaders = (message: unknown): void => {
    const { socket } = message as { socket?: unknown };
    const body = bodyOf(message);
    if (body === undefined || !(socket instanceof Socket)) return;
    const reused = this.#used.has(socket);
    this.#used.add(socket);
    this.#sockets.set(body, { socket, sentAt: performance.now(), reused, busy: true });
    this.#events.onSent(socket);
  };

  readonly #onOver = (message: unknown): void => {
    const body = bodyOf(message);
    const found = body === undefined ? undefined : this.#sockets.get(body);
    if (body !== undefined && found !== undefined) {
      this.#sockets.set(body, { ...found, busy: false });
      this.#events.onOver(found.socket);
    }
  };
}

/** Other versions of undici in the process publish here too, in shapes that we do not know. */
function bodyOf(message: unknown): object | undefined {
  const { request } = message as { request?: { body?: unknown } };
  const body = request?.body;
  return typeof body === "object" && body !== null ? body : undefined;
}
