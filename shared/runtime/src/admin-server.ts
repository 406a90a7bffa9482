/**
 * What operators ask a process, on a port of its own: its metrics, whether it lives, whether it is ready.
 *
 * Alive means that the process answers, and nothing else. If Redis were part of it, one outage of Redis would restart
 * every process of a cluster at once and cut every socket.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Component } from "./life-cycle.ts";
import type { Logger } from "./log.ts";

export interface AdminServerOptions {
  readonly host: string;
  /** 0 takes any free port; undefined: there is no such server. */
  readonly port: number | undefined;
  /** What `/metrics` answers. */
  readonly metrics: { readonly contentType: string; read(): Promise<string> };
  /** Why the process cannot do its work right now; empty while it can. */
  readonly troubles: () => readonly string[];
  readonly log: Logger;
}

/** Starts first and stops last, so that a process can be asked all its life. */
export class AdminServer implements Component {
  readonly name = "admin server";
  readonly #options: AdminServerOptions;
  #server: Server | undefined;
  #state: "starting" | "up" | "draining" = "starting";

  constructor(options: AdminServerOptions) {
    this.#options = options;
  }

  /** To be the last of the parts: with its start the process is up. */
  get readiness(): Component {
    return {
      name: "readiness",
      start: async () => {
        this.#state = "up";
      },
      drain: async () => {
        this.#state = "draining";
      },
      stop: async () => {
        this.#state = "draining";
      },
    };
  }

  /** Why it is not ready; empty while it is. */
  troubles(): readonly string[] {
    return this.#state === "up" ? this.#options.troubles() : [this.#state];
  }

  /** A parent process is told where it listens. @throws AdminListenError */
  async start(): Promise<void> {
    const { host, port, log } = this.#options;
    if (port === undefined) return;
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server
        .once("error", (cause) => reject(new AdminListenError(`${host}:${port}`, { cause })))
        .listen({ host, port }, resolve);
    });
    this.#server = server;
    // It listens on TCP, so its address is not that of a pipe.
    const { port: taken } = server.address() as AddressInfo;
    log.info({ host, port: taken }, "admin server listening");
    process.send?.({ type: "admin", port: taken });
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = undefined;
  }

  async #answer({ url = "", method }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, log } = this.#options;
    const [path] = url.split("?", 1);
    if (method !== "GET" && method !== "HEAD") return reply(response, 405, "only GET is answered");
    if (path === "/livez") return reply(response, 200, "ok");
    if (path === "/readyz") {
      const troubles = this.troubles();
      return reply(response, troubles.length === 0 ? 200 : 503, troubles.join("\n") || "ok");
    }
    if (path !== "/metrics") return reply(response, 404, "there are /metrics, /livez and /readyz");
    try {
      response.setHeader("content-type", metrics.contentType);
      reply(response, 200, await metrics.read());
    } catch (error) {
      log.error({ err: error }, "metrics not read");
      reply(response, 500, "metrics not read");
    }
  }
}

export class AdminListenError extends Error {
  readonly code = "admin_listen_failed";

  constructor(address: string, options?: ErrorOptions) {
    super(
      `The admin server cannot listen on ${address}: the port is in use, or the address is not this machine's.`,
      options,
    );
    this.name = "AdminListenError";
  }
}

function reply(response: ServerResponse, status: number, text: string): void {
  if (!response.hasHeader("content-type")) {
    response.setHeader("content-type", "text/plain; charset=utf-8");
  }
  response.setHeader("cache-control", "no-store");
  response.writeHead(status).end(text.endsWith("\n") ? text : `${text}\n`);
}
