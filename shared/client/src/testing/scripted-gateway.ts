import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { eventually } from "@openclaw/testing";
import { WebSocket, WebSocketServer } from "ws";
import { GatewayClient, type GatewayClientOptions } from "../gateway-client.ts";
import type { DownFrame, Limits, UpFrame } from "../wire.ts";

type Up<Type extends UpFrame["type"]> = Extract<UpFrame, { type: Type }>;

const LIMITS = { maxMessageBytes: 1_000, maxRuns: 8 };

/** One connection as the gateway has it: says what a test wants said, and remembers what it was told. */
export class Peer {
  readonly #socket: WebSocket;
  readonly session: string;
  readonly frames: UpFrame[] = [];
  /** The code the client left with. */
  closed: number | undefined;
  answersPings = true;
  pings = 0;
  /** Called with every run that is asked for. */
  onRun: (frame: Up<"run">) => void = () => undefined;

  constructor(socket: WebSocket, session: string) {
    this.#socket = socket;
    this.session = session;
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as UpFrame;
      if (frame.type !== "ping") {
        this.frames.push(frame);
        if (frame.type === "run") this.onRun(frame);
        return;
      }
      this.pings += 1;
      if (this.answersPings) this.send({ type: "pong" });
    });
    socket.on("close", (code) => {
      this.closed = code;
    });
  }

  ready(limits: Partial<Limits> = {}): void {
    const { session } = this;
    this.send({ type: "ready", connection: "c", session, limits: { ...LIMITS, ...limits } });
  }

  send(...frames: DownFrame[]): void {
    for (const frame of frames) this.#socket.send(JSON.stringify(frame));
  }

  /** What is no frame at all. */
  sendRaw(text: string): void {
    this.#socket.send(text);
  }

  all<Type extends UpFrame["type"]>(type: Type): Up<Type>[] {
    return this.frames.filter((frame): frame is Up<Type> => frame.type === type);
  }

  /** The n-th frame of a type, from 0, once it is there. */
  async told<Type extends UpFrame["type"]>(type: Type, nth = 0): Promise<Up<Type>> {
    return eventually(`${type} frame ${nth}`, () => this.all(type)[nth]);
  }

  /** Accepts the n-th run under this id, and begins its first attempt. */
  async accept(run: string, { nth = 0, epoch = 1 } = {}): Promise<void> {
    const { ref } = await this.told("run", nth);
    this.send({ type: "accepted", ref, run }, started(run, epoch));
  }

  /** Ends the connection as the gateway does, or as a killed one does. */
  close(code?: number): void {
    if (code === undefined) this.#socket.terminate();
    else this.#socket.close(code);
  }
}

/** A gateway at the network, which does nothing by itself. */
export class ScriptedGateway {
  readonly #server: WebSocketServer;
  readonly #clients: GatewayClient[] = [];
  readonly peers: Peer[] = [];
  /** Called with every new connection. */
  onPeer: (peer: Peer) => void = (peer) => peer.ready();

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (socket, { url = "" }) => {
      const peer = new Peer(socket, decodeURIComponent(url.split("/").at(-1) ?? ""));
      this.peers.push(peer);
      this.onPeer(peer);
    });
  }

  static async start(port = 0): Promise<ScriptedGateway> {
    const server = new WebSocketServer({ port, host: "127.0.0.1" });
    await once(server, "listening");
    return new ScriptedGateway(server);
  }

  get port(): number {
    // Listening on TCP, so the address is no path.
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** A client of this gateway, unless told another address; closed before the gateway stops. */
  connect(options: Partial<GatewayClientOptions> = {}): GatewayClient {
    const client = new GatewayClient({ url: this.url, WebSocket, ...options });
    this.#clients.push(client);
    return client;
  }

  /** The n-th connection, from 0, once it is there. */
  async peer(nth = 0): Promise<Peer> {
    return eventually(`connection ${nth}`, () => this.peers[nth]);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export function started(run: string, epoch = 1): DownFrame {
  return { type: "started", run, epoch, provider: "zhipu", model: `model-${epoch}` };
}

/** Pieces of an epoch, counted on from `first`. */
export function deltas(run: string, texts: readonly string[], { epoch = 1, first = 1 } = {}) {
  return texts.map(
    (text, index): DownFrame => ({ type: "delta", run, epoch, seq: first + index, text }),
  );
}

export function done(run: string): DownFrame {
  const usage = { inputTokens: 3, outputTokens: 5 };
  return { type: "done", run, finish: "stop", usage, timings: { totalMs: 7, firstTextMs: 2 } };
}

export function restart(run: string, epoch: number): DownFrame {
  return { type: "restart", run, epoch, reason: "attempt_lost" };
}

export function resumed(run: string, outcome: "replayed" | "complete" = "replayed"): DownFrame {
  return { type: "resumed", run, outcome };
}
