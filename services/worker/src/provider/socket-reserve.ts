/**
 * Open sockets waiting for a run.
 *
 * Nothing reads from them, so the reserve watches for the only things that may happen to an unused
 * connection: the provider closes it, or says something unasked (some proxies send a 408 first).
 * Either way it is worthless. What is lent out carries no listener of the reserve.
 */
import type { Socket } from "node:net";

export interface SocketReserveOptions {
  /** A socket older than this is to be replaced: providers drop idle ones, some without a word. */
  readonly idleMs: number;
  readonly random: () => number;
  /** A socket was lost that had not reached its age. */
  readonly onLost: (livedMs: number) => void;
  readonly onAged: () => void;
}

interface Entry {
  readonly socket: Socket;
  readonly addedAt: number;
  readonly ageing: NodeJS.Timeout;
  readonly lose: () => void;
  aged: boolean;
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
    const { idleMs, random, onAged } = this.#options;
    const entry: Entry = {
      socket,
      addedAt: performance.now(),
      aged: false,
      lose: () => this.#lose(entry),
      // Jitter, or all that were opened together would be replaced together for ever.
      ageing: setTimeout(
        () => {
          entry.aged = true;
          onAged();
        },
        idleMs * (0.75 + 0.25 * random()),
      ).unref(),
    };
    socket.on("close", entry.lose).on("readable", entry.lose).unref();
    this.#entries.push(entry);
  }

  /** Gives the youngest usable socket, the one least likely to be half dead. */
  take(): Socket | undefined {
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const { socket } = entry;
      this.#forget(entry);
      const usable = !socket.destroyed && socket.readable && socket.writable;
      // undici only ever takes a reference away, so it must have one.
      if (usable && socket.readableLength === 0) return socket.ref();
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
    clearTimeout(ageing);
    socket.off("close", lose).off("readable", lose);
  }
}
