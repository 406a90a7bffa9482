/**
 * Finds the socket that really carries a request.
 *
 * undici does not tell its callers which of its sockets a request went out on. It does publish it on
 * diagnostics channels, for every request of the process. The request is recognised by its body:
 * undici keeps the very object it was given, and every attempt here has one of its own.
 */
import diagnostics from "node:diagnostics_channel";
import { Socket } from "node:net";

const SEND_HEADERS = "undici:client:sendHeaders";
/** The last of a response was read, or the request failed: the socket is the pool's again. */
const OVER = ["undici:request:trailers", "undici:request:error"];

/** The socket of a request, and what is known of their time together. */
export interface Carrier {
  readonly socket: Socket;
  /** When the request went out, on this process's monotonic clock. */
  readonly sentAt: number;
  /** The socket carried another request before this one. */
  readonly reused: boolean;
  /** The response is not complete: the socket is this request's alone. */
  readonly busy: boolean;
}

export interface CarrierEvents {
  /** A request goes out on this socket, which may be any of the process. */
  readonly onSent: (socket: Socket) => void;
  /** Its response is complete, or it failed. */
  readonly onOver: (socket: Socket) => void;
}

export class CarrierWatch {
  readonly #events: CarrierEvents;
  readonly #carriers = new WeakMap<object, Carrier>();
  readonly #used = new WeakSet<Socket>();

  constructor(events: CarrierEvents) {
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

  /** What the request with this body was written to; undefined while it waits for a socket. */
  carrierOf(body: Uint8Array): Carrier | undefined {
    return this.#carriers.get(body);
  }

  /**
   * Closes the socket, unless the response is complete and the socket may carry another run by now.
   *
   * undici's own way to abort leaves the request in its queue and opens a new connection only to
   * find out that nobody wants it: every cancelled run would cost a handshake, and a run against a
   * dead host would occupy its place in the pool until the connect timeout.
   */
  close(body: Uint8Array): void {
    const carrier = this.#carriers.get(body);
    if (carrier?.busy) carrier.socket.destroy(new Error("the run is over"));
  }

  readonly #onSendHeaders = (message: unknown): void => {
    const { socket } = message as { socket?: unknown };
    const body = bodyOf(message);
    if (body === undefined || !(socket instanceof Socket)) return;
    const reused = this.#used.has(socket);
    this.#used.add(socket);
    this.#carriers.set(body, { socket, sentAt: performance.now(), reused, busy: true });
    this.#events.onSent(socket);
  };

  readonly #onOver = (message: unknown): void => {
    const body = bodyOf(message);
    const carrier = body === undefined ? undefined : this.#carriers.get(body);
    if (body !== undefined && carrier !== undefined) {
      this.#carriers.set(body, { ...carrier, busy: false });
      this.#events.onOver(carrier.socket);
    }
  };
}

/** Other versions of undici in the process publish here too, so nothing is taken for granted. */
function bodyOf(message: unknown): object | undefined {
  const { request } = message as { request?: { body?: unknown } };
  const body = request?.body;
  return typeof body === "object" && body !== null ? body : undefined;
}
