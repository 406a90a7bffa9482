/**
 * How long a socket may be idle before it is replaced.
 *
 * Providers close idle sockets after an unknown time. If that crosses a run's request, the run needs a new connection.
 * The configured `pool.idleMs` is a guess. Each socket that a provider closes shows that the guess was too long. So the
 * limit falls below the observed time. It rises again slowly, since the close may have had another reason, such as a
 * restart.
 */

/** The limit, as a share of the idle time after which a provider closed a socket. */
const SAFE_SHARE = 0.8;
/** The shortest limit: each replacement costs a handshake. */
const MIN_LIMIT_MS = 1_000;
/** Closes within this time have one reason. */
const SAME_MOMENT_MS = 250;
/** How fast the limit rises. From 80 % of an observed time, it reaches that time after about 20 minutes. */
const DOUBLES_IN_MS = 3_600_000;

export interface IdleLimitOptions {
  /** The limit until the provider closes a socket sooner. */
  readonly idleMs: number;
  readonly random: () => number;
  /** For tests. A monotonic clock in milliseconds. */
  readonly now?: () => number;
}

/** A socket while it is idle. */
export interface IdleWatch {
  readonly idledMs: number;
  /** The socket is no longer idle, or closed. */
  end(): void;
}

interface Watched {
  readonly since: number;
  /** A random share of the limit, so that sockets that opened together are not replaced together. */
  readonly share: number;
  readonly onTooLong: () => void;
  timer: NodeJS.Timeout | undefined;
}

export class IdleLimit {
  readonly #options: IdleLimitOptions;
  readonly #now: () => number;
  readonly #watched = new Set<Watched>();
  /** The limit after the last close, when that was, and the limit before it. */
  #learned: { readonly ms: number; readonly at: number; readonly before: number } | undefined;

  constructor(options: IdleLimitOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get ms(): number {
    const { idleMs } = this.#options;
    if (this.#learned === undefined) return idleMs;
    const { ms, at } = this.#learned;
    return Math.min(idleMs, ms * 2 ** ((this.#now() - at) / DOUBLES_IN_MS));
  }

  /** Calls back once the socket has been idle for the limit, less a jitter of up to a quarter. */
  watch(onTooLong: () => void, since = this.#now()): IdleWatch {
    const share = 0.75 + 0.25 * this.#options.random();
    const watched: Watched = { since, share, onTooLong, timer: undefined };
    this.#watched.add(watched);
    this.#arm(watched);
    const idled = () => this.#now() - since;
    return {
      get idledMs() {
        return idled();
      },
      end: () => this.#end(watched),
    };
  }

  /**
   * The provider closed a socket that had idled for `idledMs`.
   *
   * Of several closes at one moment, the longest idle time counts. A server that restarts closes young sockets too, and
   * their idle time is no limit.
   *
   * @returns whether the limit is shorter than before
   */
  closedAfter(idledMs: number): boolean {
    const now = this.#now();
    const last = this.#learned;
    const again = last !== undefined && now - last.at < SAME_MOMENT_MS;
    const before = again ? last.before : this.ms;
    const safe = Math.max(MIN_LIMIT_MS, SAFE_SHARE * idledMs, again ? last.ms : 0);
    this.#learned = { ms: Math.min(before, safe), at: again ? last.at : now, before };
    for (const watched of this.#watched) this.#arm(watched);
    return !again && this.#learned.ms < before;
  }

  #arm(watched: Watched): void {
    clearTimeout(watched.timer);
    const leftMs = watched.since + this.ms * watched.share - this.#now();
    const onTimer = () => {
      this.#end(watched);
      watched.onTooLong();
    };
    watched.timer = setTimeout(onTimer, Math.max(0, leftMs)).unref();
  }

  #end(watched: Watched): void {
    clearTimeout(watched.timer);
    this.#watched.delete(watched);
  }
}
