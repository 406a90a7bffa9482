/** The simulator as one part: a real HTTP server, its sockets, its profiles and its counters. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Component, createLogger, type Logger } from "@openclaw/runtime";
import { AcceptedRequests } from "./accepted-requests.ts";
import type { OnChat } from "./answer-chat.ts";
import { Connections } from "./connections.ts";
import type { Control } from "./control.ts";
import { FaultInjector } from "./faults/fault-injector.ts";
import {
  type FaultOptions,
  type FaultSettings,
  NO_FAULTS,
  readFaults,
} from "./faults/fault-settings.ts";
import { handleRequest } from "./handle-request.ts";
import { PROFILES, type ProfileTable } from "./profiles/profiles.ts";
import { type Outcome, type SimulatorStats, Stats } from "./stats.ts";
import { type Certificate, makeCertificate, writeCertificate } from "./tls/certificate.ts";
import { TlsListener, type TlsSettings } from "./tls/tls-listener.ts";

export interface SimulatorOptions {
  /** Loopback unless told otherwise. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly log?: Logger;
  /** What to serve instead of the shipped profiles, by the name in the path. */
  readonly profiles?: ProfileTable;
  /** Told of every chat completion the moment it is over: its last user message, and how it ended. */
  readonly onOver?: (prompt: string, outcome: Outcome) => void;
  /** For tests that look at what was asked. */
  readonly onChat?: OnChat;
  /** Faults from the start, until they are set again or reset. */
  readonly faults?: FaultOptions;
  /** Serves TLS too, on a port of its own. */
  readonly tls?: TlsSettings;
}

/** Idle sockets live about as long as behind a stock nginx, not the 5 s that Node gives them. */
const IDLE_MS = 75_000;

/** Node's 511 makes a burst of new connections wait a second for TCP to knock again. */
const BACKLOG = 4_096;

/** @throws RangeError for faults that make no sense */
export function createSimulator(options: SimulatorOptions): Simulator {
  return new Simulator(options);
}

export class Simulator implements Component, Control {
  readonly name = "simulator";
  readonly #host: string;
  readonly #wantedPort: number;
  readonly #log: Logger;
  readonly #profiles: ProfileTable;
  readonly #stats: Stats;
  readonly #onOver: SimulatorOptions["onOver"];
  readonly #onChat: OnChat | undefined;
  readonly #injector = new FaultInjector();
  readonly #accepted = new AcceptedRequests();
  readonly #connections: Connections;
  readonly #tlsSettings: TlsSettings | undefined;
  #server: Server | undefined;
  #port: number | undefined;
  #tls: { readonly listener: TlsListener; readonly port: number } | undefined;
  #certificate: Certificate | undefined;

  constructor(options: SimulatorOptions) {
    const { host = "127.0.0.1", port, log, profiles = PROFILES, faults, onChat, onOver } = options;
    this.#tlsSettings = options.tls;
    this.#onOver = onOver;
    this.#host = host;
    this.#onChat = onChat;
    this.#wantedPort = port;
    this.#log = log ?? createLogger({ service: "simulator", level: "silent" });
    this.#profiles = profiles;
    this.#stats = new Stats(this.profileNames);
    this.#connections = new Connections(this.#stats);
    if (faults !== undefined) this.setFaults(faults);
  }

  /** The port listened on. @throws Error before the start */
  get port(): number {
    if (this.#port === undefined) throw new Error("the simulator is not listening");
    return this.#port;
  }

  /** Without a slash at the end; append `/zhipu/v1` for a provider's base URL. */
  get url(): string {
    return `http://${this.#hostInUrl}:${this.port}`;
  }

  /** As `url`, of the TLS port; undefined where there is none. */
  get tlsUrl(): string | undefined {
    return this.#tls && `https://${this.#hostInUrl}:${this.#tls.port}`;
  }

  /** What clients of the TLS port must trust, in PEM: made at the first start, and kept. */
  get certificate(): string | undefined {
    return this.#certificate?.cert;
  }

  get #hostInUrl(): string {
    return this.#host.includes(":") ? `[${this.#host}]` : this.#host;
  }

  stats(): SimulatorStats {
    return this.#stats.snapshot();
  }

  get profileNames(): readonly string[] {
    return Object.keys(this.#profiles);
  }

  get faults(): FaultSettings {
    return this.#injector.settings;
  }

  /** Replaces all of them. @throws RangeError for settings that make no sense */
  setFaults(faults: FaultOptions): void {
    const read = readFaults(faults, this.profileNames);
    if (!read.ok) throw new RangeError(read.problems.join("; "));
    this.apply(read.settings);
  }

  /** As `setFaults`, with settings that were read already. */
  apply(settings: FaultSettings): void {
    this.#injector.set(settings);
    this.#connections.limitIdle(settings.idleMs);
  }

  /** Forgets what is over, and every fault that was set. */
  reset(): void {
    this.#stats.reset();
    this.apply(NO_FAULTS);
  }

  async start(): Promise<void> {
    const server = createServer({ keepAliveTimeout: IDLE_MS, headersTimeout: IDLE_MS });
    server.on("connection", (socket) => {
      this.#connections.accept(socket);
      this.#connections.open(socket, performance.now());
    });
    server.on("request", (request, response) => void this.#serve(request, response));
    // A socket without a request, or with a malformed one, is closed without an answer.
    server.on("clientError", (_error, socket) => socket.destroy());
    server.listen({ port: this.#wantedPort, host: this.#host, backlog: BACKLOG });
    await once(server, "listening");
    this.#server = server;
    // A TCP server's address is never the string of a pipe.
    this.#port = (server.address() as AddressInfo).port;
    try {
      await this.#startTls();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#log.info({ url: this.url, tlsUrl: this.tlsUrl }, "listening");
  }

  async #startTls(): Promise<void> {
    const settings = this.#tlsSettings;
    if (settings === undefined) return;
    this.#certificate ??= await makeCertificate(this.#host);
    if (settings.certFile !== undefined) {
      await writeCertificate(settings.certFile, this.#certificate);
    }
    const listener = new TlsListener({
      settings,
      host: this.#host,
      backlog: BACKLOG,
      certificate: this.#certificate,
      idleMs: IDLE_MS,
      onSocket: (socket) => this.#connections.accept(socket),
      onHandshake: (kind) => this.#stats.handshakeDone(kind),
      // What its handshake cost is paid; `connectMs` of a profile only stands in for that.
      onConnection: (connection) => this.#connections.open(connection, Number.NEGATIVE_INFINITY),
      onRequest: (request, response) => void this.#serve(request, response),
    });
    this.#tls = { listener, port: await listener.start() };
  }

  /** Destroys the sockets, running answers included. May be started again. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#port = undefined;
    const closed = [once(server, "close"), this.#tls?.listener.stop()];
    this.#tls = undefined;
    server.close();
    this.#connections.destroyAll();
    await Promise.all(closed);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = this.#connections.begin(request, response);
    // The client left between its request and this event, so no answer is sent.
    if (socket === undefined) return;
    try {
      await handleRequest(request, response, {
        profiles: this.#profiles,
        stats: this.#stats,
        faults: this.#injector,
        control: this,
        accepted: this.#accepted,
        socket,
        onOver: this.#onOver,
        onChat: this.#onChat,
      });
    } catch (error) {
      this.#log.error({ err: error }, "request failed unexpectedly");
      request.socket.destroy();
    }
  }
}
