/**
 * How long a socket may carry nothing before it is replaced.
 *
 * Providers close idle sockets after a time they do not tell, and what they close just as a run is on
 * its way costs that run a new connection. The configured `pool.idleMs` is a guess; each socket that a
 * provider closes first shows where it was too long. So the limit falls below what was seen, and rises
 * again slowly: the closing may have had another reason, such as a restart.
 */

/** Of the idle time that a provider's close was seen after. The rest is for replacing in time. */
const SAFE_SHARE = 0.8;
/** Never shorter, whatever was seen: replacing is a handshake each time. */
const MIN_LIMIT_MS = 1_000;
/** What a provider closes within so long of each other has one reason. */
const SAME_MOMENT_MS = 250;
/** With what was seen after t, the limit is at t again, and may see it once more, 20 minutes later. */
const DOUBLES_IN_MS = 3_600_000;

export interface IdleLimitOptions {
  /** The limit as long as no provider contradicts. */
  readonly idleMs: number;
  readonly random: () => number;
  /** For tests. A monotonic clock in milliseconds. */
  readonly now?: () => number;
}

/** One idle socket, while it is. */
export interface IdleWatch {
  readonly idledMs: number;
  /** It is not idle any more, or gone. */
  end(): void;
}

interface Watched {
  readonly since: number;
  /** Of the limit. Jitter, or all that began together would be replaced together for ever. */
  readonly share: number;
  readonly onTooLong: () => void;
  timer: NodeJS.Timeout | undefined;
}

export class IdleLimit {
  readonly #options: IdleLimitOptions;
  readonly #now: () => number;
  readonly #watched = new Set<Watched>();
  /** What the last closing taught, and when. */
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

  /** Calls back once the socket idled for the limit as it then is, less a jitter of a quarter. */
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
   * The provider closed a socket that had idled for so long.
   *
   * Of what it closes at one moment the longest idle counts: a server that restarts closes young ones
   * too, which says nothing about how long it lets them idle.
   *
   * @returns whether sockets are to be replaced sooner than before
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
