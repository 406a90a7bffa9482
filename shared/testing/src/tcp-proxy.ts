import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface TcpTarget {
  readonly host: string;
  readonly port: number;
}

/** A network of one's own between two processes, to be cut in the ways networks are cut. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where new connections lead, each asked for on its own if it is a function; those that exist stay where they are. */
  target: TcpTarget | (() => TcpTarget);
  /** How much later answers arrive, in milliseconds. */
  latencyMs = 0;
  /** Connections ever asked for. */
  accepted = 0;

  private constructor(target: TcpTarget | (() => TcpTarget)) {
    this.target = target;
    this.#server = createServer((near) => this.#join(near));
  }

  #join(near: Socket): void {
    this.accepted += 1;
    const far = connect(typeof this.target === "function" ? this.target() : this.target);
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on("end", () => near.end());
    // In order, also when the latency changes: each timer lets the first in line go.
    const underway: Buffer[] = [];
    const arrive = () => {
      const chunk = underway.shift();
      if (chunk) pass(chunk, { from: far, to: near });
    };
    far.on("data", (chunk) => {
      underway.push(chunk);
      if (underway.length === 1 && this.latencyMs === 0) arrive();
      else setTimeout(arrive, this.latencyMs);
    });
  }

  static async start(target: TcpTarget | (() => TcpTarget)): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    // Listening on TCP, so the address is no path.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Existing connections carry nothing any more and stay open, as after a cut without FIN. */
  silence(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.removeAllListeners("data");
      socket.pause();
    }
  }

  /** Existing connections are reset, as by a middlebox that restarts. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function pass(chunk: Buffer, { from, to }: { from: Socket; to: Socket }): void {
  if (to.destroyed || to.write(chunk)) return;
  from.pause();
  to.once("drain", () => from.resume());
}
