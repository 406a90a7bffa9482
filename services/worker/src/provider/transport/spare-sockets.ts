/**
 * Open sockets that wait for a run.
 *
 * An unused connection can do only two things: the provider closes it, or sends something unasked (some
 * proxies send a 408). Either makes it useless, so it is dropped. A socket that `take` gives away has no
 * listener of this class.
 */
import type { Socket } from "node:net";
import type { IdleLimit, IdleWatch } from "./idle-limit.ts";

export interface SpareSocketsOptions {
  /** A socket older than this needs a replacement: providers drop idle sockets, some without notice. */
  readonly limit: IdleLimit;
  /** A socket was lost before it reached the limit. */
  readonly onLost: (livedMs: number) => void;
  readonly onAged: () => void;
}

interface Entry {
  readonly socket: Socket;
  readonly addedAt: number;
  readonly ageing: IdleWatch;
  readonly lose: () => void;
  aged: boolean;
}

/** A socket that was open before a run asked for it. */
export interface SpareSocket {
  readonly socket: Socket;
  /** When it was opened, by `performance.now()`. */
  readonly since: number;
}

export class SpareSockets {
  readonly #options: SpareSocketsOptions;
  /** Oldest first. */
  #entries: Entry[] = [];

  constructor(options: SpareSocketsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Sockets that need no replacement yet. */
  get fresh(): number {
    return this.#entries.filter(({ aged }) => !aged).length;
  }

  add(socket: Socket): void {
    const { limit, onAged } = this.#options;
    const entry: Entry = {
      socket,
      addedAt: performance.now(),
      aged: false,
      lose: () => this.#lose(entry),
      ageing: limit.watch(() => {
        entry.aged = true;
        onAged();
      }),
    };
    socket.on("close", entry.lose).on("readable", entry.lose).unref();
    this.#entries.push(entry);
  }

  /** Gives the youngest usable socket, since the provider is least likely to have dropped it. */
  take(): SpareSocket | undefined {
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const { socket, addedAt } = entry;
      this.#forget(entry);
      const usable = !socket.destroyed && socket.readable && socket.writable;
      // undici only calls `unref`, so the socket must have its reference back.
      if (usable && socket.readableLength === 0) return { socket: socket.ref(), since: addedAt };
      socket.destroy();
    }
    return undefined;
  }

  /** Closes sockets until at most `size` are left: aged ones first, then the oldest. */
  trim(size: number): void {
    const surplus = this.#entries.length - size;
    if (surplus <= 0) return;
    const agedFirst = this.#entries.toSorted((a, b) => Number(b.aged) - Number(a.aged));
    const closing = new Set(agedFirst.slice(0, surplus));
    this.#entries = this.#entries.filter((entry) => !closing.has(entry));
    for (const entry of closing) {
      this.#forget(entry);
      entry.socket.destroy();
    }
  }

  #lose(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#forget(entry);
    entry.socket.destroy();
    this.#options.onLost(performance.now() - entry.addedAt);
  }

  #forget({ socket, ageing, lose }: Entry): void {
    ageing.end();
    socket.off("close", lose).off("readable", lose);
  }
}
