/**
 * Keeps an edge below its process's limit of descriptors.
 *
 * At that limit `accept` fails with EMFILE. uSockets then tries again at once, as long as a connection waits. One
 * core is busy, and no other connection is accepted, on the admin port neither. So the edge takes connections and
 * closes them again while a reserve is left.
 *
 * The descriptor of a closed WebSocket stays until its client has closed it too, and the library does not report
 * that. So the count is too high, and at the limit the descriptors themselves are counted.
 */
import type { HttpResponse, TemplatedApp } from "uWebSockets.js";
import { readdirSync, readFileSync } from "node:fs";

/** For everything except connections of clients: Redis, the admin port, files, logs. */
const RESERVE = 128;
/** The least share for clients, if the limit is very low. */
const LEAST_SHARE = 0.5;
/** Counting many thousands takes milliseconds. */
const COUNT_EVERY_MS = 1_000;

export interface DescriptorsOptions {
  /** Of this process; undefined if it is unknown. */
  readonly limit: number | undefined;
  /** How many are open now; undefined if that is unknown. */
  readonly count: () => number | undefined;
  readonly now?: () => number;
}

export class Descriptors {
  /** Most connections of clients at once, WebSockets and others. */
  readonly most: number;
  readonly #options: DescriptorsOptions;
  /**
   * Descriptors that were open before the first client came. They are not connections of clients.
   */
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

  /** Must be called when every component but the listener has started. */
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

/** Closes each accepted connection that leaves no descriptor to spare. */
export function boundSockets(app: TemplatedApp, descriptors: Descriptors): void {
  // Called for every new connection, and again when a connection that has not become a WebSocket is gone.
  const onSocket = (response: HttpResponse, change: unknown): void => {
    if (Number(change) < 0) descriptors.closed();
    else if (!descriptors.opened()) response.close();
  };
  app.filter(onSocket);
}

/** Node raises the soft limit to the hard limit when it starts. This is the result. */
function openFilesLimit(): number | undefined {
  const limits = readIfAny(() => readFileSync("/proc/self/limits", "utf8"));
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? "")?.[1];
  return soft === undefined ? undefined : Number(soft);
}

function openFiles(): number | undefined {
  return readIfAny(() => readdirSync("/proc/self/fd").length);
}

/** Only Linux has these files. On other systems the limit is unknown, and nothing is bounded. */
function readIfAny<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // No such file: another system.
    return undefined;
  }
}
