import type { Connection } from "../socket/connection.ts";
import type { ConnectionEvents } from "../socket/socket-server.ts";
import { V1Session, type V1SessionOptions } from "./v1-session.ts";

/** "Service restart" of RFC 6455's registry: come back, another edge answers. */
const RESTARTING = 1012;

/** The conversations on this edge's connections. */
export class Sessions {
  readonly #options: V1SessionOptions;
  readonly #open = new Map<Connection, V1Session>();
  #draining = false;

  constructor(options: V1SessionOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Sessions with at least one connection here. */
  get sessions(): number {
    return new Set([...this.#open.keys()].map(({ session }) => session)).size;
  }

  open(connection: Connection): ConnectionEvents {
    const session = new V1Session(connection, {
      ...this.#options,
      onIdle: () => {
        if (this.#draining) connection.end(RESTARTING, "server is restarting");
      },
    });
    this.#open.set(connection, session);
    return {
      onText: (frame) => session.onText(frame),
      onBinary: () => session.onBinary(),
      onClose: () => {
        this.#open.delete(connection);
        session.onClose();
      },
    };
  }

  /** Sends away who is idle now, and everybody else after the answer in hand. */
  drain(): void {
    this.#draining = true;
    for (const [connection, session] of this.#open) {
      session.drain();
      if (session.isIdle) connection.end(RESTARTING, "server is restarting");
    }
  }

  close(): void {
    for (const connection of this.#open.keys()) connection.end(RESTARTING, "server is restarting");
  }
}
