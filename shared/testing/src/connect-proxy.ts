/** An HTTP proxy as companies have one: it opens tunnels by CONNECT, for whom it knows, and counts what goes through. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ConnectProxyOptions {
  /** `USER:PASSWORD` that it wants. */
  readonly credentials?: string;
  /** PEM, for a proxy that speaks TLS itself. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** What it says before it answers, raw. */
  readonly interim?: string;
  /** Where a host leads that only the proxy knows. */
  readonly hosts?: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
}

export class ConnectProxy {
  readonly #server: Server;
  readonly #options: ConnectProxyOptions;
  readonly #sockets = new Set<Socket>();
  /** `HOST:PORT` of every tunnel that was asked for, in order. */
  readonly targets: string[] = [];
  /** Requests for anything but a tunnel. */
  readonly others: string[] = [];
  /** Answers instead of opening a tunnel, where it is set: raw bytes, or nothing at all. */
  answer: ((socket: Socket) => void) | undefined;

  private constructor(options: ConnectProxyOptions) {
    this.#options = options;
    this.#server = options.tls ? createTlsServer(options.tls) : createServer();
    this.#server.on("connection", (socket: Socket) => this.#keep(socket));
    this.#server.on("connect", (request, socket) =>
      // A server of HTTP has no other kind.
      this.#tunnel(request, socket as Socket),
    );
    this.#server.on("request", (request, response) => {
      this.others.push(`${request.method} ${request.url}`);
      response.writeHead(405).end();
    });
  }

  static async start(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(options);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get host(): string {
    // Listening on TCP, so the address is no path.
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** With these credentials, or none. */
  url(credentials = ""): string {
    return `${this.#options.tls ? "https" : "http"}://${credentials && `${credentials}@`}${this.host}`;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #tunnel(request: IncomingMessage, client: Socket): void {
    client.on("error", () => undefined);
    this.targets.push(request.url ?? "");
    if (this.answer) {
      // Read to its end, or its close would go unnoticed.
      client.on("end", () => client.destroy()).resume();
      this.answer(client);
      return;
    }
    const { credentials, hosts = {}, interim = "" } = this.#options;
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
    if (wanted && request.headers["proxy-authorization"] !== wanted) {
      client.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="p"\r\n\r\n',
      );
      return;
    }
    const { hostname, port } = new URL(`tcp://${request.url}`);
    const known = hosts[hostname];
    const target = this.#keep(
      connect({
        host: known?.host ?? hostname.replace(/^\[|\]$/g, ""),
        port: known?.port ?? Number(port),
      }),
    );
    target.once("connect", () => {
      client.write(`${interim}HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n`);
      client.pipe(target).pipe(client);
    });
    target.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    client.on("close", () => target.destroy());
    target.on("close", () => client.destroy());
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
    return socket;
  }
}
