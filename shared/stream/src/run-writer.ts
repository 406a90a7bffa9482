/**
 * One attempt's pen: gathers pieces until the appender takes them, numbers them, and learns of the
 * loss of its right to write.
 */
import type { TerminalState } from "@openclaw/protocol";
import { type Moves, moved } from "@openclaw/runtime";
import { charactersOf, type Entry, encodeEntry, isTerminal, type TerminalEntry } from "./entry.ts";
import { cutLong, cutTail, fitting, isEmpty, isLong, merge, type Piece } from "./pieces.ts";
import type { Position } from "./position.ts";

/** Why an attempt may not write (any more). */
export type LossReason =
  | "fenced" // another attempt holds the run
  | "ended" // cancelled, or past a deadline
  | "unknown" // the run is not known: Redis lost it, or it expired
  | "gap" // Redis lost entries that it had acknowledged
  | "too_large" // the log is full; a terminal entry is still taken
  | "orphaned" // no edge listens any more; a terminal entry is still taken
  | "broken" // Redis answers, but cannot work with the run's record or log
  | "unavailable"; // Redis did not answer for too long

export type AppendOutcome = "appended" | LossReason;

/** A writer with no more than this waiting goes before those that have more. */
const SMALL = 4_096;
/** A writer with more than this waiting asks its source to pause. */
const HIGH_WATERMARK = 256 * 1024;

/** What one append call carries for one run. `firstSeq` to `firstSeq + payloads.length - 1`. */
export interface RunBatch {
  readonly firstSeq: number;
  readonly payloads: readonly Buffer[];
  /** Of the payloads as they are published; a little too much rather than too little. */
  readonly bytes: number;
  /**
   * How many payloads are in the log alone, from the first on. The last one is short then, and published: its
   * readers see that something is missing, and read the log.
   */
  readonly unpublished: number;
  /** The state a terminal entry puts the run in; '' without one. */
  readonly closes: TerminalState | "";
}

/** Most entries and bytes of a batch, and whether one of so many bytes is published whole. */
interface Taking {
  readonly entries: number;
  readonly bytes: number;
  readonly isPublished: (bytes: number) => boolean;
}

/** What became of one run's part of an append call. */
export interface RunAnswer {
  readonly outcome: AppendOutcome;
  /** How many subscribers heard it; undefined where that is not known, as after a repeated call. */
  readonly listeners?: number | undefined;
  /** What Redis says of a run that is `broken`. */
  readonly fault?: Error | undefined;
}

/** When the first text of an attempt went which way, on the monotonic clock. */
export interface FirstText {
  readonly writtenAt: number;
  readonly followsReasoning: boolean;
  /** It is in the log, and was published. Absent until that is known. */
  publishedAt?: number;
}

/** `fault`: of a run that is `broken`. */
export type OnLost = (reason: LossReason, fault?: Error) => void;

export interface RunWriterOptions {
  readonly runId: string;
  readonly epoch: number;
  /** How long nobody may listen before the run is given up; `Infinity` never gives it up. */
  readonly orphanGraceMs: number;
  /** Called once when the right to write is lost; never after the terminal was appended. */
  readonly onLost: OnLost;
  /** Called whenever there is something to take. */
  readonly onPending: (writer: RunWriter) => void;
}

/**
 * - `open`: takes pieces.
 * - `ending`: the terminal entry waits or is on its way; pieces are dropped.
 * - `ended`: the terminal entry is in the log.
 * - `lost`: the right to write is lost, for the reason that `lost` has. After `too_large` and `orphaned` the log
 *   still takes a terminal entry.
 */
type State = "open" | "ending" | "ended" | "lost";

const MOVES: Moves<State> = {
  open: ["ending", "lost"],
  ending: ["ended", "lost"],
  ended: [],
  lost: ["ending"],
};

export class RunWriter {
  readonly runId: string;
  readonly epoch: number;
  readonly #orphanGraceMs: number;
  readonly #onLost: OnLost;
  readonly #onPending: (writer: RunWriter) => void;
  #nextSeq = 1;
  #appendedSeq = 0;
  #pending: Entry[] = [];
  #pendingChars = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #flushing: (() => void)[] = [];
  /** Batches that were taken and not answered. */
  #inFlight = 0;
  #state: State = "open";
  #lossReason: LossReason | undefined;
  #fault: Error | undefined;
  #ending: PromiseWithResolve<AppendOutcome> | undefined;
  /** When what was published began to reach nobody, on the monotonic clock. */
  #unheardSince: number | undefined;
  #firstText: FirstText | undefined;
  /** Begins the batch that carries it, once that was taken. */
  #firstTextSeq: number | undefined;

  constructor({ runId, epoch, orphanGraceMs, onLost, onPending }: RunWriterOptions) {
    this.runId = runId;
    this.epoch = epoch;
    this.#orphanGraceMs = orphanGraceMs;
    this.#onLost = onLost;
    this.#onPending = onPending;
  }

  /** Why nothing more is taken, once that is so. */
  get lost(): LossReason | undefined {
    return this.#state === "lost" ? this.#lossReason : undefined;
  }

  /** What Redis says of a run that is `broken`. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  /** The last position that is known to be in the log. */
  get position(): Position {
    return { epoch: this.epoch, seq: this.#appendedSeq };
  }

  /** Undefined until text was written; reasoning is none. */
  get firstText(): FirstText | undefined {
    return this.#firstText;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Adds a piece of the answer. After a loss or the end it is dropped. */
  write(piece: Piece): void {
    if (this.#state !== "open" || isEmpty(piece)) return;
    if (!this.#firstText && piece.type !== "reasoning") {
      const followsReasoning = this.#nextSeq > 1 || this.#pending.length > 0;
      this.#firstText = { writtenAt: performance.now(), followsReasoning };
    }
    if (isLong(piece)) for (const part of cutLong(piece)) this.#add(part);
    else this.#add(piece);
    this.#onPending(this);
  }

  #add(piece: Piece): void {
    const last = this.#pending.at(-1);
    const merged = last && merge(last, piece);
    if (merged) this.#pending[this.#pending.length - 1] = merged;
    else this.#pending.push(piece);
    this.#pendingChars += charactersOf(piece);
  }

  /** Whether little waits, so that it costs the others nothing to let it go first. */
  get isSmall(): boolean {
    return this.#pendingChars <= SMALL;
  }

  /** Whether so much is waiting that the source should pause until `ready`. */
  get isFull(): boolean {
    return this.#state !== "lost" && this.#pendingChars >= HIGH_WATERMARK;
  }

  /** Resolves when enough of what waits has been taken, or the run is lost. */
  async ready(): Promise<void> {
    if (!this.isFull) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when everything written so far is in the log, or the run is lost. */
  async flush(): Promise<void> {
    if (this.#isFlushed) return;
    await new Promise<void>((resolve) => this.#flushing.push(resolve));
  }

  get #isFlushed(): boolean {
    return this.#state === "lost" || (this.#pending.length === 0 && this.#inFlight === 0);
  }

  /**
   * Adds the terminal entry and resolves with what became of it. After `too_large` and `orphaned`
   * a log still takes a terminal entry, which then must not claim that the answer is whole.
   */
  async end(terminal: TerminalEntry): Promise<AppendOutcome> {
    const { lost } = this;
    if (lost && lost !== "too_large" && lost !== "orphaned") return lost;
    if (this.#state === "open" || lost) this.#move("ending");
    this.#ending ??= createPromise<AppendOutcome>();
    this.#pending.push(terminal);
    this.#onPending(this);
    return this.#ending.promise;
  }

  /** Numbers and encodes waiting entries, at least one where any waits. For the appender only. */
  take({ isPublished, ...most }: Taking): RunBatch {
    const { count, bytes } = fitting(this.#pending, most);
    const isWhole = isPublished(bytes);
    const whole = this.#pending.splice(0, count);
    const entries = isWhole ? whole : [...whole.slice(0, -1), ...whole.slice(-1).flatMap(cutTail)];
    const firstSeq = this.#nextSeq;
    if (this.#firstText && entries.length > 0) this.#firstTextSeq ??= firstSeq;
    this.#inFlight += 1;
    this.#nextSeq += entries.length;
    const last = entries.at(-1);
    for (const entry of entries) this.#pendingChars -= charactersOf(entry);
    return {
      firstSeq,
      payloads: entries.map(encodeEntry),
      bytes,
      unpublished: isWhole ? 0 : entries.length - 1,
      closes: last && isTerminal(last) ? last.type : "",
    };
  }

  /** Takes the answer to a batch. For the appender only. */
  settle(batch: RunBatch, { outcome, listeners, fault }: RunAnswer): void {
    this.#inFlight -= 1;
    if (outcome === "appended") {
      this.#appendedSeq = Math.max(this.#appendedSeq, batch.firstSeq + batch.payloads.length - 1);
      if (this.#firstText && batch.firstSeq === this.#firstTextSeq) {
        this.#firstText.publishedAt ??= performance.now();
      }
      if (batch.closes !== "") this.#ended();
      // An end on its way costs nothing more, heard or not.
      else if (batch.payloads.length > 0 && this.#state === "open") this.#noteListeners(listeners);
      this.#wake();
      return;
    }
    // Entries that were refused for size leave their numbers to the terminal entry.
    if (outcome === "too_large") this.#nextSeq = batch.firstSeq;
    this.#lose(outcome, fault);
  }

  /**
   * A text that reaches nobody is still paid for: after a grace period it is stopped. Unknown is not nobody:
   * the grace period begins again.
   */
  #noteListeners(listeners: number | undefined): void {
    const now = performance.now();
    if (listeners !== 0) this.#unheardSince = undefined;
    else this.#unheardSince ??= now;
    if (this.#unheardSince !== undefined && now - this.#unheardSince > this.#orphanGraceMs) {
      this.#lose("orphaned");
    }
  }

  #lose(reason: LossReason, fault?: Error): void {
    if (this.#state === "lost" || this.#state === "ended") return;
    this.#move("lost");
    this.#lossReason = reason;
    this.#fault = fault;
    this.#pending = [];
    this.#pendingChars = 0;
    this.#wake();
    const ending = this.#ending;
    this.#ending = undefined;
    if (ending) ending.resolve(reason);
    else this.#onLost(reason, fault);
  }

  #ended(): void {
    if (this.#state !== "ending") return;
    this.#move("ended");
    this.#ending?.resolve("appended");
  }

  #move(to: State): void {
    this.#state = moved(MOVES, this.#state, to);
  }

  #wake(): void {
    const ready = this.isFull ? [] : this.#waiting.splice(0);
    const flushed = this.#isFlushed ? this.#flushing.splice(0) : [];
    for (const resolve of [...ready, ...flushed]) resolve();
  }
}

interface PromiseWithResolve<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function createPromise<T>(): PromiseWithResolve<T> {
  let resolve: (value: T) => void = ignore;
  const promise = new Promise<T>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

function ignore(): void {
  // Replaced before anyone can call it: the executor of a promise runs at once.
}
