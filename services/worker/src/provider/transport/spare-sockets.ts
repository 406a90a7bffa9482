/**
 * Open sockets waiting for a run.
 *
 * Nothing reads from them, so the reserve watches for the only things that may happen to an unused
 * connection: the provider closes it, or says something unasked (some proxies send a 408 first).
 * Either way it is worthless. What is lent out carries no listener of the reserve.
 */
import type { Socket } from "node:net";
import type { IdleLimit, IdleWatch } from "./idle-limit.ts";

export interface SocketReserveOptions {
  /** A socket older than this is to be replaced: providers drop idle ones, some without a word. */
  readonly limit: IdleLimit;
  /** A socket was lost that had not reached its age. */
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

/** A socket that was open before it was asked for. */
export interface SpareSocket {
  readonly socket: Socket;
  /** When it was opened, by `performance.now()`. */
  readonly since: number;
}

export class SocketReserve {
  readonly #options: SocketReserveOptions;
  /** Oldest first. */
  #entries: Entry[] = [];

  constructor(options: SocketReserveOptions) {
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

  /** Gives the youngest usable socket, the one least likely to be half dead. */
  take(): SpareSocket | undefined {
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const { socket, addedAt } = entry;
      this.#forget(entry);
      const usable = !socket.destroyed && socket.readable && socket.writable;
      // undici only ever takes a reference away, so it must have one.
      if (usable && socket.readableLength === 0) return { socket: socket.ref(), since: addedAt };
      socket.destroy();
    }
    return undefined;
  }

  /** Closes sockets until no more than `size` are left: aged ones first, then the oldest. */
  trim(size: number): void {
    const surplus = this.#entries.length - size;
    if (surplus <= 0) return;
    const byWorth = this.#entries.toSorted((a, b) => Number(b.aged) - Number(a.aged));
    const victims = new Set(byWorth.slice(0, surplus));
    this.#entries = this.#entries.filter((entry) => !victims.has(entry));
    for (const entry of victims) {
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
