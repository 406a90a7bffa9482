/**
 * Opens sockets to one provider, TLS included, and remembers when each one opened.
 *
 * Where a proxy leads there, a socket is opened to the proxy, asked to become a tunnel, and carries TLS to the provider
 * inside: the proxy sees where it leads, and nothing of what is said. All of that has one limit of time.
 */
import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { buildConnector } from "undici";
import { askForTunnel, ProxyFailedError } from "./proxy-tunnel.ts";

export type SocketCallback = (error: Error | undefined, socket: Socket | undefined) => void;

/** What of `tls.connect` may be set, for a server whose certificate no public authority signed. */
export type TlsOptions = Omit<ConnectionOptions, "host" | "port" | "path" | "socket" | "timeout">;

export interface DialerOptions {
  readonly origin: URL;
  readonly connectMs: number;
  /** A URL with user and password; none where the provider is reached directly. */
  readonly proxy?: string | undefined;
  readonly tls?: TlsOptions | undefined;
}

/**
 * How long one address of a host is tried before the next. Node's 250 ms is less than a handshake
 * across an ocean takes: every address but the last would be given up on, each time.
 */
const ADDRESS_ATTEMPT_MS = 1_500;

/** Keeps NAT tables from forgetting a stream that is silent because the model thinks. */
const KEEP_ALIVE_MS = 15_000;

/** One socket on its way. */
interface Dialling {
  /** Of the step that it is at. */
  socket: Socket | undefined;
  /** Nothing but the proxy is waited for. */
  atProxy: boolean;
}

export class Dialer {
  readonly #options: DialerOptions;
  readonly #proxy: URL | undefined;
  readonly #connect: buildConnector.connector;
  readonly #dialling = new Set<Dialling>();
  /** Ticks of `#clock`, not times: two events of one millisecond still have an order. */
  readonly #openedAt = new WeakMap<Socket, number>();
  #clock = 0;
  /** undici's session cache holds sessions weakly; without this they would not outlive a collection. */
  #session: Buffer | undefined;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#proxy = options.proxy === undefined ? undefined : new URL(options.proxy);
    this.#connect = buildConnector({
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      ...options.tls,
      timeout: options.connectMs,
      // One run, one socket: aborting a run must close what carries it and nothing else.
      allowH2: false,
    });
  }

  /** `HOST:PORT` of the proxy that leads to the provider, where one does. */
  get proxy(): string | undefined {
    return this.#proxy?.host;
  }

  /** Calls back once, and not before this returns. The socket is open, TLS done. */
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

  /** Begins one connection. Answers its socket, which undici gives at once though its type hides it. */
  #socketFor(
    target: buildConnector.Options,
    dialling: Dialling,
    done: SocketCallback,
  ): Socket | undefined {
    const begun: unknown = this.#connect(target, (error, socket) =>
      error === null ? done(undefined, socket) : done(error, undefined),
    );
    dialling.socket = begun instanceof Socket ? begun : undefined;
    return dialling.socket;
  }

  /** Each step has undici's limit; this one is for all of them together. */
  #inTime(dialling: Dialling, done: SocketCallback): SocketCallback {
    let ended = false;
    const end: SocketCallback = (error, socket) => {
      clearTimeout(timer);
      // What comes behind its time is not wanted any more.
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

  /** Why there is no socket in time. */
  lateness(): Error {
    const waiting = [...this.#dialling];
    return this.#lateness(waiting.length > 0 && waiting.every(({ atProxy }) => atProxy));
  }

  /** In the second case as undici's own. */
  #lateness(atProxy: boolean): Error {
    if (atProxy) return new ProxyFailedError("TIMEOUT");
    return Object.assign(new Error("no connection in time"), { code: "UND_ERR_CONNECT_TIMEOUT" });
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
    for (const { socket } of this.#dialling) socket?.destroy(new Error("the dialer was stopped"));
    this.#dialling.clear();
  }
}

function targetOf({ protocol, host, hostname, port }: URL): buildConnector.Options {
  return { protocol, host, hostname: hostname.replace(/^\[|\]$/g, ""), port };
}
