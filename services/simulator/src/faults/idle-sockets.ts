/**
 * Closes connections that carry no request, as the front of a provider does.
 *
 * It does so without a notice in advance. A request that is on its way just then finds its connection closed, which
 * is what this fault tests.
 */

/** A socket, or what carries requests on one. */
export interface Closable {
  destroy(): void;
}

interface Rest {
  readonly since: number;
  timer: NodeJS.Timeout | undefined;
}

export class IdleSockets {
  readonly #onClosed: () => void;
  readonly #resting = new Map<Closable, Rest>();
  #limitMs: number | undefined;

  constructor(onClosed: () => void) {
    this.#onClosed = onClosed;
  }

  /** Applies to sockets that rest already, counted from when they began to; `undefined` is no limit. */
  limit(ms: number | undefined): void {
    this.#limitMs = ms;
    for (const [socket, rest] of this.#resting) this.#arm(socket, rest);
  }

  /** The socket carries no request, as from its accept and after each response. */
  rest(socket: Closable): void {
    const rest: Rest = { since: performance.now(), timer: undefined };
    this.#resting.set(socket, rest);
    this.#arm(socket, rest);
  }

  /** A request came, or the socket is gone. */
  wake(socket: Closable): void {
    clearTimeout(this.#resting.get(socket)?.timer);
    this.#resting.delete(socket);
  }

  #arm(socket: Closable, rest: Rest): void {
    clearTimeout(rest.timer);
    if (this.#limitMs === undefined) return;
    const leftMs = rest.since + this.#limitMs - performance.now();
    rest.timer = setTimeout(
      () => {
        this.wake(socket);
        this.#onClosed();
        socket.destroy();
      },
      Math.max(0, leftMs),
    );
  }
}
