import type { TemplatedApp, us_listen_socket } from "uWebSockets.js";
import type { Component, Logger } from "@openclaw/runtime";
import { boundSockets, type Descriptors } from "./descriptors.ts";
import type { SocketServer } from "./socket-server.ts";
import { uws } from "./uws.ts";

export interface ListenerOptions {
  readonly descriptors: Descriptors;
  readonly sockets: Pick<SocketServer, "serve">;
  /** The HTTP routes. They come behind the WebSocket routes, whose paths they refuse without an upgrade. */
  readonly http: { serve(app: TemplatedApp): void };
  readonly log: Logger;
  readonly host: string;
  readonly port: number;
}

/**
 * The one port of an edge. Several edges of one machine listen on the same port: uWebSockets.js sets SO_REUSEPORT,
 * and the kernel spreads new connections over them.
 *
 * Listening and the open sockets are two components. The listener stops first, so that no new client comes. The
 * sockets stop last, so that every client can still be told.
 */
export class Listener implements Component {
  readonly name = "listener";
  readonly #options: ListenerOptions;
  #app: TemplatedApp | undefined;
  #listening: us_listen_socket | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The open sockets, as a component that cuts them when it stops. */
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
    const { host, port, descriptors, sockets, http, log } = this.#options;
    descriptors.begin();
    const app = uws.App();
    boundSockets(app, descriptors);
    sockets.serve(app);
    http.serve(app);
    this.#app = app;
    this.#listening = await new Promise<us_listen_socket>((resolve, reject) => {
      app.listen(host, port, (token) => {
        if (token) resolve(token);
        else reject(new ListenError(host, port));
      });
    });
    log.info({ host, port }, "listening");
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
