/**
 * The pool's sockets between two runs.
 *
 * undici lets a socket idle for a fixed time and does not report a socket that the server closed sooner. This
 * class replaces each socket before the server closes it, and learns from every socket that the server closes.
 * Closing a socket is safe at any moment: `markBusy` runs in the same turn of the event loop that gives the
 * socket a request.
 */
import type { Socket } from "node:net";
import type { IdleLimit, IdleWatch } from "./idle-limit.ts";
import { isClosedByPeer } from "./transport-error.ts";

export interface IdleSocketsOptions {
  readonly limit: IdleLimit;
  /** The server closed a socket that had idled for `idledMs`. */
  readonly onLost: (idledMs: number) => void;
}

export class IdleSockets {
  readonly #options: IdleSocketsOptions;
  readonly #idle = new Map<Socket, IdleWatch>();
  /** The sockets of the pool, and how long each idled before its present request. */
  readonly #idledMs = new WeakMap<Socket, number>();

  constructor(options: IdleSocketsOptions) {
    this.#options = options;
  }

  /** How many are idle. */
  get size(): number {
    return this.#idle.size;
  }

  /** The pool gets this socket, idle since it was opened. */
  add(socket: Socket, since: number): void {
    this.#idledMs.set(socket, 0);
    this.markIdle(socket, since);
  }

  /** The socket is closed. */
  remove(socket: Socket): void {
    const watch = this.#idle.get(socket);
    if (watch === undefined) return;
    const { idledMs } = watch;
    this.#forget(socket, watch);
    // undici destroys a socket that the server ended with an error that says so. We destroy without an error.
    if (isClosedByPeer(socket.errored)) this.#options.onLost(idledMs);
  }

  /** The response on this socket is complete. Ignores sockets that are not the pool's. */
  markIdle(socket: Socket, since?: number): void {
    if (socket.destroyed || !this.#idledMs.has(socket)) return;
    this.#idle.get(socket)?.end();
    this.#idle.set(
      socket,
      this.#options.limit.watch(() => socket.destroy(), since),
    );
  }

  /** The socket carries a request. */
  markBusy(socket: Socket): void {
    const watch = this.#idle.get(socket);
    if (watch === undefined) return;
    this.#idledMs.set(socket, watch.idledMs);
    this.#forget(socket, watch);
  }

  /** The server had closed the socket before its request arrived; the close and the request crossed. */
  wasStale(socket: Socket): void {
    const idledMs = this.#idledMs.get(socket);
    if (idledMs !== undefined) this.#options.onLost(idledMs);
  }

  #forget(socket: Socket, watch: IdleWatch): void {
    watch.end();
    this.#idle.delete(socket);
  }
}
