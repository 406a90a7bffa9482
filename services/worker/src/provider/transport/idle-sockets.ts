/**
 * The pool's sockets between two runs.
 *
 * undici lets a socket idle for a fixed time and says nothing of one that its server closed sooner.
 * Here such a socket is replaced before that, and what the server closes is learnt from. Closing is
 * safe at any moment: a socket is woken in the same turn of the event loop that gives it a request.
 */
import type { Socket } from "node:net";
import type { IdleLimit, IdleWatch } from "./idle-limit.ts";
import { isClosedByPeer } from "./transport-error.ts";

export interface RestingSocketsOptions {
  readonly limit: IdleLimit;
  /** The server closed a socket that had idled for so long. */
  readonly onLost: (idledMs: number) => void;
}

export class RestingSockets {
  readonly #options: RestingSocketsOptions;
  readonly #resting = new Map<Socket, IdleWatch>();
  /** Sockets that were given to the pool, and how long each idled before its present request. */
  readonly #idledMs = new WeakMap<Socket, number>();

  constructor(options: RestingSocketsOptions) {
    this.#options = options;
  }

  /** How many rest. */
  get size(): number {
    return this.#resting.size;
  }

  /** A socket that the pool gets, idle since it was opened. */
  add(socket: Socket, since: number): void {
    this.#idledMs.set(socket, 0);
    this.rest(socket, since);
  }

  /** It is closed. */
  remove(socket: Socket): void {
    const watch = this.#resting.get(socket);
    if (watch === undefined) return;
    const { idledMs } = watch;
    this.#forget(socket, watch);
    // undici destroys what the server ended, with an error that says so; ours have none.
    if (isClosedByPeer(socket.errored)) this.#options.onLost(idledMs);
  }

  /** Its response is complete. Sockets that were not added are none of ours. */
  rest(socket: Socket, since?: number): void {
    if (socket.destroyed || !this.#idledMs.has(socket)) return;
    this.#resting.get(socket)?.end();
    this.#resting.set(
      socket,
      this.#options.limit.watch(() => socket.destroy(), since),
    );
  }

  /** It carries a request. */
  wake(socket: Socket): void {
    const watch = this.#resting.get(socket);
    if (watch === undefined) return;
    this.#idledMs.set(socket, watch.idledMs);
    this.#forget(socket, watch);
  }

  /** Its request met a server that had closed it already: the news was still on its way. */
  wasStale(socket: Socket): void {
    const idledMs = this.#idledMs.get(socket);
    if (idledMs !== undefined) this.#options.onLost(idledMs);
  }

  #forget(socket: Socket, watch: IdleWatch): void {
    watch.end();
    this.#resting.delete(socket);
  }
}
