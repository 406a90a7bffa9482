/**
 * One reader of one run: every entry once, in order, from a position on.
 *
 * Messages are only the wake-up, the log is the truth. A message that continues the sequence is
 * delivered straight away. Anything else (a gap, a pause of the reader, a new subscription, a long
 * silence) leads to reading the log from the last delivered position. Messages that come in
 * meanwhile are not kept: they are in the log too, and `#seen` makes sure it is read far enough.
 */
import { isOutage, type Moves, moved } from "@openclaw/runtime";
import {
  charactersOf,
  type Entry,
  isTerminal,
  type LoggedEntry,
  MalformedEntryError,
  type UnreadableEntry,
} from "./entry.ts";
import type { LogPage } from "./log-page.ts";
import { comparePositions, follows, type Position } from "./position.ts";

/**
 * Reading begins with small pages, and does so again after each stop of the reader. A reader may take little at a
 * time, and the rest of a page is read again. Without this, a hundred slow readers would have Redis read megabytes
 * for
 * kilobytes.
 */
const FIRST_PAGE = 8;
const MOST_PAGE = 256;
/**
 * A log that ends before what the reader has was cut back: a replica took over that had not heard of
 * the rest. Its writer finds out and another attempt begins. If no attempt begins within this time, none will, unless a
 * worker is still to be offered the run.
 */
const CUT_BACK_MS = 5_000;
/** About how many characters a page may have once the pieces' length is known. */
const PAGE_CHARACTERS = 256 * 1024;

export interface FollowerOptions {
  readonly runId: string;
  /** The last position the reader already has. */
  readonly after: Position;
  readonly read: (runId: string, after: Position, limit: number) => Promise<LogPage | undefined>;
  /**
   * Takes one entry. Answers whether it can take more; after `false` it must call `resume`.
   * Must not throw.
   */
  readonly deliver: (position: Position, entry: Entry) => boolean;
  /** Called around the deliveries of one page of the log, to write them together. */
  readonly batch: (deliverAll: () => void) => void;
  /** A published entry does not continue the reader's position: entries were missed, and are read. */
  readonly onGap?: () => void;
  /** Whether a worker will be offered the run, or has been. Asked only of a log that was cut back. */
  readonly isOffered?: (runId: string) => Promise<boolean>;
  /** Redis does not know the run any more, or not as far as the reader does: nothing will ever come. */
  readonly onLost: () => void;
  /** The run's record or log cannot be read, and that is no outage: nothing more will ever come. */
  readonly onUnreadable: (error: unknown) => void;
}

/**
 * - `live`: a published entry that comes next is delivered at once.
 * - `filling`: a page of the log is on its way, begun by a gap, by `refill` or by `resume`.
 * - `paused`: the reader takes nothing until it calls `resume`.
 * - `closed`: nothing more is delivered: the run has ended, is lost or unreadable, or the reader has left.
 */
type State = "live" | "filling" | "paused" | "closed";

const MOVES: Moves<State> = {
  live: ["filling", "paused", "closed"],
  filling: ["live", "paused", "closed"],
  paused: ["live", "closed"],
  closed: [],
};

export class Follower {
  readonly runId: string;
  readonly #options: FollowerOptions;
  #position: Position;
  /** The furthest position heard of; the log is read at least up to it. */
  #seen: Position;
  #state: State = "live";
  #behind = false;
  #pageLimit = FIRST_PAGE;
  #cutBackSince: number | undefined;

  constructor(options: FollowerOptions) {
    this.runId = options.runId;
    this.#options = options;
    this.#position = options.after;
    this.#seen = options.after;
  }

  /** The last delivered position. */
  get position(): Position {
    return this.#position;
  }

  /** Whether the last reading of the log failed, so that it has to be tried again. */
  get behind(): boolean {
    return this.#behind && this.#state === "live";
  }

  /** Whether the reader takes no more until it resumes. */
  get isPaused(): boolean {
    return this.#state === "paused";
  }

  /** Takes one entry as it was published. */
  offer(position: Position, entry: LoggedEntry | UnreadableEntry): void {
    if (comparePositions(position, this.#seen) > 0) this.#seen = position;
    if (this.#state !== "live" || comparePositions(position, this.#position) <= 0) return;
    const isNext = follows(this.#position, position);
    if (isNext && !this.#behind && entry.type !== "unreadable") this.#deliver(position, entry);
    else {
      if (!isNext) this.#options.onGap?.();
      this.refill();
    }
  }

  /** Reads the log from the last delivered position, unless that is going on already. */
  refill(): void {
    if (this.#state === "live") void this.#fill();
  }

  /** The reader can take entries again. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#move("live");
    this.refill();
  }

  /** Delivers nothing more. */
  close(): void {
    if (!this.#is("closed")) this.#move("closed");
  }

  async #fill(): Promise<void> {
    this.#move("filling");
    this.#behind = false;
    while (this.#is("filling")) {
      const seen = this.#seen;
      const page = await this.#readPage();
      // Closed meanwhile, or unreadable.
      if (!this.#is("filling") || page === undefined) return;
      if (page === "failed") {
        // Redis is away; the owner's next sweep sees `behind` and tries again.
        this.#behind = true;
        break;
      }
      if (page === "unknown" || (await this.#isCutOff(page))) {
        this.#lose();
        return;
      }
      if (!this.#is("filling")) return;
      this.#options.batch(() => {
        for (const { position, entry } of page.entries) {
          if (this.#is("filling")) this.#deliver(position, entry);
        }
      });
      // Entries that were published while the page was on its way may not be in it, and were not kept.
      const isSure = comparePositions(this.#position, this.#seen) >= 0 || this.#seen === seen;
      if (page.complete && page.isEnded && this.#is("filling")) {
        // Its end was there to be read, and is of a kind that only a later release knows.
        this.#giveUp(new MalformedEntryError());
        return;
      }
      if (page.complete && isSure) break;
      this.#pageLimit = this.#limitAfter(page);
    }
    this.#pageLimit = FIRST_PAGE;
    if (this.#is("filling")) this.#move("live");
  }

  /** Answers undefined where it has given up. */
  async #readPage(): Promise<LogPage | "unknown" | "failed" | undefined> {
    try {
      return (await this.#options.read(this.runId, this.#position, this.#pageLimit)) ?? "unknown";
    } catch (error) {
      if (isOutage(error)) return "failed";
      if (this.#is("filling")) this.#giveUp(error);
      return undefined;
    }
  }

  /** Whether nothing will ever come behind what the reader has, though it has no end. */
  async #isCutOff({ entries, end, isEnded }: LogPage): Promise<boolean> {
    if (entries.length > 0 || comparePositions(end, this.#position) >= 0) {
      this.#cutBackSince = undefined;
      return false;
    }
    this.#cutBackSince ??= performance.now();
    if (isEnded) return true;
    return performance.now() - this.#cutBackSince > CUT_BACK_MS && !(await this.#isOffered());
  }

  /** Where that is not known, it may be: the run's own deadlines bound the wait. */
  async #isOffered(): Promise<boolean> {
    const { isOffered = async () => false } = this.#options;
    try {
      return await isOffered(this.runId);
    } catch {
      return true;
    }
  }

  #limitAfter({ entries }: LogPage): number {
    const characters = entries.reduce((sum, { entry }) => sum + charactersOf(entry), 0);
    const fitting = Math.floor((PAGE_CHARACTERS * entries.length) / Math.max(1, characters));
    return Math.max(FIRST_PAGE, Math.min(2 * this.#pageLimit, fitting, MOST_PAGE));
  }

  #deliver(position: Position, entry: LoggedEntry): void {
    this.#position = position;
    if (entry.type === "unknown") return;
    const wantsMore = this.#options.deliver(position, entry);
    if (isTerminal(entry)) this.close();
    else if (!wantsMore && !this.#is("closed") && !this.#is("paused")) this.#move("paused");
  }

  #lose(): void {
    if (this.#is("closed")) return;
    this.close();
    this.#options.onLost();
  }

  #giveUp(error: unknown): void {
    this.close();
    this.#options.onUnreadable(error);
  }

  #move(to: State): void {
    this.#state = moved(MOVES, this.#state, to);
  }

  /** Asked again after every await and every call out, both of which may change the state. */
  #is(state: State): boolean {
    return this.#state === state;
  }
}
