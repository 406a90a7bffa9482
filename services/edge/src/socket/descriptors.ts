/**
 * Keeps an edge below the limit of descriptors that its process has.
 *
 * At that limit `accept` fails with EMFILE, and uSockets tries again at once, for as long as a connection waits: one core
 * is busy, nothing else is accepted, the admin port and Redis included. So connections are taken and closed again while
 * a reserve is left.
 *
 * A WebSocket that was closed stays with its process until its client has closed it too, of which nothing is told. So
 * what is added up here is too much, and at the limit the descriptors are counted.
 */
import type { HttpResponse, TemplatedApp } from "uWebSockets.js";
import { readdirSync, readFileSync } from "node:fs";

/** For everything but connections of clients: Redis, the admin port, files, logs. */
const RESERVE = 128;
/** Of a very low limit, at least so much is for clients. */
const LEAST_SHARE = 0.5;
/** Counting many thousands takes milliseconds. */
const COUNT_EVERY_MS = 1_000;

export interface DescriptorsOptions {
  /** Of this process; undefined where it is not known. */
  readonly limit: number | undefined;
  /** How many are open now; undefined where that is not known. */
  readonly count: () => number | undefined;
  readonly now?: () => number;
}

export class Descriptors {
  /** Most connections of clients at once, WebSockets and others. */
  readonly most: number;
  readonly #options: DescriptorsOptions;
  /** Open before the first client came: no connections of clients. */
  #others = 0;
  #taken = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DescriptorsOptions) {
    this.#options = options;
    const { limit = Number.POSITIVE_INFINITY } = options;
    this.most = Math.max(Math.floor(limit * LEAST_SHARE), limit - RESERVE);
  }

  static ofProcess(): Descriptors {
    return new Descriptors({ limit: openFilesLimit(), count: openFiles });
  }

  /** To be called when all is up but the listener. */
  begin(): void {
    this.#others = this.#options.count() ?? 0;
  }

  /** A connection was accepted. Answers whether it may stay. */
  opened(): boolean {
    this.#taken += 1;
    if (this.#taken <= this.most) return true;
    this.#count();
    return this.#taken <= this.most;
  }

  /** A connection is gone, and its descriptor is free. */
  closed(): void {
    this.#taken = Math.max(0, this.#taken - 1);
  }

  #count(): void {
    const { count, now = () => performance.now() } = this.#options;
    if (now() - this.#countedAt < COUNT_EVERY_MS) return;
    this.#countedAt = now();
    const open = count();
    if (open !== undefined) this.#taken = Math.max(0, open - this.#others);
  }
}

/** Closes what is accepted without a descriptor to spare. */
export function boundSockets(app: TemplatedApp, descriptors: Descriptors): void {
  // Told of every connection, and again when one is gone that has not become a WebSocket.
  const onSocket = (response: HttpResponse, change: unknown): void => {
    if (Number(change) < 0) descriptors.closed();
    else if (!descriptors.opened()) response.close();
  };
  app.filter(onSocket);
}

/** Node raises the soft limit to the hard one when it starts; this is what is left then. */
function openFilesLimit(): number | undefined {
  const limits = readIfAny(() => readFileSync("/proc/self/limits", "utf8"));
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? "")?.[1];
  return soft === undefined ? undefined : Number(soft);
}

function openFiles(): number | undefined {
  return readIfAny(() => readdirSync("/proc/self/fd").length);
}

/** Only Linux has them. Elsewhere the limit is not known, and nothing is bounded. */
function readIfAny<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // No such file: another system.
    return undefined;
  }
}
