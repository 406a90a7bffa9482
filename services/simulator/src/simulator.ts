/** The simulator as one part: a real HTTP server, its sockets, its profiles and its counters. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createLogger, type Logger, type Part } from "@openclaw/runtime";
import { AcceptedRequests } from "./accepted-requests.ts";
import type { OnChat } from "./answer-chat.ts";
import type { Control } from "./control.ts";
import { FaultInjector } from "./faults/fault-injector.ts";
import {
  type FaultOptions,
  type FaultSettings,
  NO_FAULTS,
  readFaults,
} from "./faults/fault-settings.ts";
import { IdleSockets } from "./faults/idle-sockets.ts";
import { handleRequest, type SocketRecord } from "./handle-request.ts";
import { PROFILES, type ProfileTable } from "./profiles/profiles.ts";
import { type Outcome, type SimulatorStats, Stats } from "./stats.ts";

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
  /** Faults from the start, until they are set anew or reset. */
  readonly faults?: FaultOptions;
}

/** Idle sockets live about as long as behind a stock nginx, not the 5 s that Node gives them. */
const IDLE_MS = 75_000;

/** Node's 511 makes a burst of new connections wait a second for TCP to knock again. */
const BACKLOG = 4_096;

/** @throws RangeError for faults that make no sense */
export function createSimulator(options: SimulatorOptions): Simulator {
  return new Simulator(options);
}

export class Simulator implements Part, Control {
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
  readonly #idle: IdleSockets;
  readonly #sockets = new Map<Socket, SocketRecord>();
  #server: Server | undefined;
  #port: number | undefined;

  constructor(options: SimulatorOptions) {
    const { host = "127.0.0.1", port, log, profiles = PROFILES, faults, onChat, onOver } = options;
    this.#onOver = onOver;
    this.#host = host;
    this.#onChat = onChat;
    this.#wantedPort = port;
    this.#log = log ?? createLogger({ service: "simulator", level: "silent" });
    this.#profiles = profiles;
    this.#stats = new Stats(this.profileNames);
    this.#idle = new IdleSockets(() => this.#stats.socketIdleClosed());
    if (faults !== undefined) this.setFaults(faults);
  }

  /** The port listened on. @throws Error before the start */
  get port(): number {
    if (this.#port === undefined) throw new Error("the simulator is not listening");
    return this.#port;
  }

  /** Without a slash at the end; append `/zhipu/v1` for a provider's base URL. */
  get url(): string {
    const host = this.#host.includes(":") ? `[${this.#host}]` : this.#host;
    return `http://${host}:${this.port}`;
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
    this.#idle.limit(settings.idleMs);
  }

  /** Forgets what is over, and every fault that was set. */
  reset(): void {
    this.#stats.reset();
    this.apply(NO_FAULTS);
  }

  async start(): Promise<void> {
    const server = createServer({ keepAliveTimeout: IDLE_MS, headersTimeout: IDLE_MS });
    server.on("connection", (socket) => this.#accept(socket));
    server.on("request", (request, response) => void this.#serve(request, response));
    // A socket nobody speaks on, or speaks badly on, is closed without a word.
    server.on("clientError", (_error, socket) => socket.destroy());
    server.listen({ port: this.#wantedPort, host: this.#host, backlog: BACKLOG });
    await once(server, "listening");
    this.#server = server;
    // A TCP server's address is never the string of a pipe.
    this.#port = (server.address() as AddressInfo).port;
    this.#log.info({ url: this.url }, "listening");
  }

  /** Destroys the sockets, running answers included. May be started again. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#port = undefined;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.set(socket, { acceptedAt: performance.now(), used: false });
    this.#stats.socketOpened();
    this.#idle.rest(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#idle.wake(socket);
      this.#stats.socketClosed();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = this.#sockets.get(request.socket);
    // Gone between its request and this event: nobody is left to answer.
    if (socket === undefined) return;
    this.#idle.wake(request.socket);
    response.once("close", () => {
      if (this.#sockets.has(request.socket)) this.#idle.rest(request.socket);
    });
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
