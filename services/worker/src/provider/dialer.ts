/**
 * Opens sockets to one provider, TLS included, and remembers when each one opened.
 */
import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { buildConnector } from "undici";

export type SocketCallback = (error: Error | undefined, socket: Socket | undefined) => void;

/** What of `tls.connect` may be set, for a server whose certificate no public authority signed. */
export type TlsOptions = Omit<ConnectionOptions, "host" | "port" | "path" | "socket" | "timeout">;

export interface DialerOptions {
  readonly origin: URL;
  readonly connectMs: number;
  readonly tls?: TlsOptions | undefined;
}

/**
 * How long one address of a host is tried before the next. Node's 250 ms is less than a handshake
 * across an ocean takes: every address but the last would be given up on, each time.
 */
const ADDRESS_ATTEMPT_MS = 1_500;

/** Keeps NAT tables from forgetting a stream that is silent because the model thinks. */
const KEEP_ALIVE_MS = 15_000;

export class Dialer {
  readonly #connect: buildConnector.connector;
  readonly #target: buildConnector.Options;
  readonly #dialling = new Set<Socket>();
  /** Ticks of `#clock`, not times: two events of one millisecond still have an order. */
  readonly #openedAt = new WeakMap<Socket, number>();
  #clock = 0;
  /** undici's session cache holds sessions weakly; without this they would not outlive a collection. */
  #session: Buffer | undefined;

  constructor({ origin, connectMs, tls }: DialerOptions) {
    this.#connect = buildConnector({
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      ...tls,
      timeout: connectMs,
      // One run, one socket: aborting a run must close what carries it and nothing else.
      allowH2: false,
    });
    this.#target = {
      protocol: origin.protocol,
      host: origin.host,
      hostname: origin.hostname.replace(/^\[|\]$/g, ""),
      port: origin.port,
    };
  }

  /** Calls back once, and not before this returns. The socket is open, TLS done. */
  dial(callback: SocketCallback): void {
    // The declared return type hides it, but the connector returns the socket at once.
    const dialled: unknown = this.#connect(this.#target, (error, socket) => {
      if (dialled instanceof Socket) this.#dialling.delete(dialled);
      if (error !== null) return callback(error, undefined);
      this.#openedAt.set(socket, ++this.#clock);
      callback(undefined, socket);
    });
    if (!(dialled instanceof Socket)) return;
    this.#dialling.add(dialled);
    dialled.on("session", (session: Buffer) => {
      this.#session = session;
    });
  }

  /** A moment that sockets opened before or after can be told apart by. */
  mark(): number {
    return ++this.#clock;
  }

  wasOpenAt(socket: Socket, mark: number): boolean {
    const openedAt = this.#openedAt.get(socket);
    return openedAt !== undefined && openedAt < mark;
  }

  /** Whether the next TLS handshake can be a short one. */
  get hasSession(): boolean {
    return this.#session !== undefined;
  }

  /** Gives up on every socket that is not open yet; their callbacks hear of it as an error. */
  stop(): void {
    for (const socket of this.#dialling) socket.destroy(new Error("the dialer was stopped"));
    this.#dialling.clear();
  }
}
