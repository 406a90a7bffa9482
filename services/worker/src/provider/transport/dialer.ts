/**
 * Opens sockets to one provider, TLS included, and remembers when each one opened.
 *
 * With a proxy, the socket leads to the proxy and becomes a tunnel, with TLS to the provider inside. The proxy sees the
 * provider's host and port, and no part of the conversation. One time limit covers all steps.
 */
import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { buildConnector } from "undici";
import { askForTunnel, ProxyFailedError } from "./proxy-tunnel.ts";

export type SocketCallback = (error: Error | undefined, socket: Socket | undefined) => void;

/** Options of `tls.connect`, for a server whose certificate is not signed by a public authority. */
export type TlsOptions = Omit<ConnectionOptions, "host" | "port" | "path" | "socket" | "timeout">;

export interface DialerOptions {
  readonly origin: URL;
  readonly connectMs: number;
  /** A URL with user and password; undefined for a direct connection. */
  readonly proxy?: string | undefined;
  readonly tls?: TlsOptions | undefined;
}

/**
 * How long one address of a host is tried before the next. A handshake across an ocean takes longer than Node's
 * 250 ms: every address but the last would fail, each time.
 */
const ADDRESS_ATTEMPT_MS = 1_500;

/** Keeps NAT tables from dropping a stream that is silent while the model thinks. */
const KEEP_ALIVE_MS = 15_000;

/** A socket that is being opened. */
interface Dialling {
  /** The socket of the present step. */
  socket: Socket | undefined;
  /** The present step waits for the proxy. */
  atProxy: boolean;
}

export class Dialer {
  readonly #options: DialerOptions;
  readonly #proxy: URL | undefined;
  readonly #undiciConnect: buildConnector.connector;
  readonly #dialling = new Set<Dialling>();
  /** Ticks of `#clock` instead of times, so that two events of one millisecond have an order. */
  readonly #openedAt = new WeakMap<Socket, number>();
  #clock = 0;
  /** undici's cache holds TLS sessions weakly. This reference keeps the last one through a garbage collection. */
  #session: Buffer | undefined;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#proxy = options.proxy === undefined ? undefined : new URL(options.proxy);
    this.#undiciConnect = buildConnector({
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      ...options.tls,
      timeout: options.connectMs,
      // One run, one socket: aborting a run closes its own socket and no other.
      allowH2: false,
    });
  }

  /** `HOST:PORT` of the proxy; undefined for a direct connection. */
  get proxy(): string | undefined {
    return this.#proxy?.host;
  }

  /** Calls back once, after this has returned, with an open socket that has finished TLS. */
  dial(callback: SocketCallback): void {
    const dialling: Dialling = { socket: undefined, atProxy: this.#proxy !== undefined };
    this.#dialling.add(dialling);
    const done: SocketCallback = (error, socket) => {
      this.#dialling.delete(dialling);
      if (socket !== undefined) this.#openedAt.set(socket, ++this.#clock);
      callback(error, socket);
    };
    if (this.#proxy === undefined) this.#open(dialling, done);
    else this.#openThrough(this.#proxy, dialling, this.#inTime(dialling, done));
  }

  /** As `dial`, in the form that undici asks for. The options never vary: a pool has one origin. */
  readonly connect: buildConnector.connector = (_options, callback) => {
    this.dial((error, socket) =>
      socket === undefined
        ? callback(error ?? new Error("no socket"), null)
        : callback(null, socket),
    );
  };

  #open(dialling: Dialling, done: SocketCallback, tunnel?: Socket): void {
    const { origin } = this.#options;
    const target = { ...targetOf(origin), ...(tunnel && { httpSocket: tunnel }) };
    const socket = this.#socketFor(target, dialling, done);
    socket?.on("session", (session: Buffer) => {
      this.#session = session;
    });
  }

  #openThrough(proxy: URL, dialling: Dialling, done: SocketCallback): void {
    const { origin } = this.#options;
    const fail = (error: unknown) => done(ProxyFailedError.from(error), undefined);
    this.#socketFor(targetOf(proxy), dialling, (error, socket) => {
      if (socket === undefined) return fail(error);
      askForTunnel(socket, { origin, proxy }, (refused) => {
        if (refused) {
          socket.destroy();
          return fail(refused);
        }
        dialling.atProxy = false;
        if (origin.protocol === "https:") this.#open(dialling, done, socket);
        else done(undefined, socket);
      });
    });
  }

  /** Starts one connection and returns its socket. undici returns it at once, though its type hides that. */
  #socketFor(
    target: buildConnector.Options,
    dialling: Dialling,
    done: SocketCallback,
  ): Socket | undefined {
    const begun: unknown = this.#undiciConnect(target, (error, socket) =>
      error === null ? done(undefined, socket) : done(error, undefined),
    );
    dialling.socket = begun instanceof Socket ? begun : undefined;
    return dialling.socket;
  }

  /** undici limits each step. This limits all steps together. */
  #inTime(dialling: Dialling, done: SocketCallback): SocketCallback {
    let ended = false;
    const end: SocketCallback = (error, socket) => {
      clearTimeout(timer);
      // The caller already got an error.
      if (ended) return void socket?.destroy();
      ended = true;
      done(error, socket);
    };
    const timer = setTimeout(() => {
      end(this.#lateness(dialling.atProxy), undefined);
      dialling.socket?.destroy();
    }, this.#options.connectMs);
    return end;
  }

  /** The error of a request that got no socket in time. */
  lateness(): Error {
    const waiting = [...this.#dialling];
    return this.#lateness(waiting.length > 0 && waiting.every(({ atProxy }) => atProxy));
  }

  /** Without a proxy, the error has the code of undici's own. */
  #lateness(atProxy: boolean): Error {
    if (atProxy) return new ProxyFailedError("TIMEOUT");
    return Object.assign(new Error("no connection in time"), { code: "UND_ERR_CONNECT_TIMEOUT" });
  }

  /** A moment for `wasOpenAt`, between the sockets that opened before and those that open after. */
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

  /** Closes every socket that is not open yet. Their callbacks get an error. */
  stop(): void {
    for (const { socket } of this.#dialling) socket?.destroy(new Error("the dialer was stopped"));
    this.#dialling.clear();
  }
}

function targetOf({ protocol, host, hostname, port }: URL): buildConnector.Options {
  return { protocol, host, hostname: hostname.replace(/^\[|\]$/g, ""), port };
}
