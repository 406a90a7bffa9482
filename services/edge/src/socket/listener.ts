import type { TemplatedApp, us_listen_socket } from "uWebSockets.js";
import type { Component } from "@openclaw/runtime";
import { type RoutesOptions, serveHttp } from "../http/routes/routes.ts";
import { boundSockets, type Descriptors } from "./descriptors.ts";
import { type SocketServerOptions, serveSockets } from "./socket-server.ts";
import { uws } from "./uws.ts";

export interface ListenerOptions extends SocketServerOptions, RoutesOptions {
  readonly descriptors: Descriptors;
  readonly host: string;
  readonly port: number;
}

/**
 * The one port of an edge. Several edges of one machine listen on the same port: uWebSockets.js
 * sets SO_REUSEPORT, and the kernel spreads new connections over them.
 *
 * Listening and the open sockets are two parts: at the end the one stops first, so that nobody new
 * comes, and the other last, so that everybody can still be told.
 */
export class Listener implements Component {
  readonly name = "listener";
  readonly #options: ListenerOptions;
  #app: TemplatedApp | undefined;
  #listening: us_listen_socket | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The open sockets, as a part that cuts them when it stops. */
  get sockets(): Component {
    return {
      name: "sockets",
      start: async () => undefined,
      stop: async () => {
        this.#app?.close();
        this.#app = undefined;
      },
    };
  }

  async start(): Promise<void> {
    const { host, port, descriptors } = this.#options;
    descriptors.begin();
    const app = uws.App();
    boundSockets(app, descriptors);
    serveSockets(app, this.#options);
    serveHttp(app, this.#options);
    this.#app = app;
    this.#listening = await new Promise<us_listen_socket>((resolve, reject) => {
      app.listen(host, port, (token) => {
        if (token) resolve(token);
        else reject(new ListenError(host, port));
      });
    });
    this.#options.log.info({ host, port }, "listening");
  }

  /** Accepts no more connections; the open ones stay. */
  async drain(): Promise<void> {
    if (this.#listening) uws.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  async stop(): Promise<void> {
    await this.drain();
  }
}

export class ListenError extends Error {
  readonly code = "listen_failed";

  constructor(host: string, port: number) {
    super(
      `Cannot listen on ${host}:${port}: the port is in use, or the address is not this machine's.`,
    );
    this.name = "ListenError";
  }
}
