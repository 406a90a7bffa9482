/** What was observed, and judged, over one run of chaos. */
import type { Difference } from "./difference.ts";
import type { Random } from "./random.ts";

/** Everything that must hold for each run, whatever fails. */
export const INVARIANTS = [
  "no terminal in time",
  "two terminals",
  "not a frame",
  "lost",
  "repeated",
  "reordered",
  "spliced",
  "wrong text",
  "failure not retryable",
  "given up although another attempt says the same",
  "not resumable although nothing was forgotten",
  "bought twice without a fence",
  "bought more often than allowed",
  "process died by itself",
  "unexpected error",
  "upstream left open",
  "job left behind",
  "key left behind",
] as const;

export type Invariant = (typeof INVARIANTS)[number] & string;

// Every difference between texts is an invariant of its own.
const _covers: Difference extends Invariant ? true : never = true;

export interface Violation {
  readonly invariant: Invariant;
  readonly detail: string;
}

/** A run as long as a user waits for it. */
export interface Watched {
  /** Something of it came. */
  heard(): void;
  /** It ended, or its user is gone. */
  closed(): void;
}

/** How a run ended that had no cancel and no fault of its providers. */
export interface Fared {
  /** Whether it ended with the whole answer. */
  readonly isWhole: boolean;
  /** When it began, on the monotonic clock. */
  readonly since: number;
  readonly about: string;
}

interface Open {
  /** What the gateway calls it, where its user was told. */
  readonly id: string | undefined;
  /** Whether it says anything about recovery: one whose provider fails is silent for its own reasons. */
  readonly isTelling: boolean;
  hasSpoken: boolean;
  heardAt: number;
}

interface Fault {
  readonly kind: string;
  readonly at: number;
  /** Runs that spoke when it happened and were not heard of since. */
  readonly silent: Set<Open>;
}

export class History {
  readonly outcomes = new Map<string, number>();
  /** Runs that were promised an end. */
  readonly accepted = new Set<string>();
  readonly notes = new Map<string, number>();
  readonly violations: Violation[] = [];
  /** What was injected, in order: kind, and milliseconds since the beginning. */
  readonly injected: { readonly kind: string; readonly at: number }[] = [];
  /** By kind of fault: how long until each run it could have silenced was heard of again. */
  readonly recoveries = new Map<string, number[]>();
  readonly #beganAt = performance.now();
  /** Runs whose record or log was broken: they must end in time, and may end in any way. */
  readonly #broken = new Set<string>();
  /** Of runs that had to end with the whole answer: how many there were, and those that did not. */
  #due = 0;
  readonly failed: string[] = [];
  /** The longest time between two signs of life of a run whose provider does not fail. */
  longestSilenceMs = 0;
  readonly #open = new Set<Open>();
  readonly #faults = new Set<Fault>();
  #forgotAt = Number.NEGATIVE_INFINITY;

  /** Milliseconds since the beginning. */
  now(): number {
    return Math.round(performance.now() - this.#beganAt);
  }

  violate(invariant: Invariant, detail: string): void {
    this.violations.push({ invariant, detail: `${this.now()} ms: ${detail}` });
  }

  /** Something that is worth a figure and no judgement: a connection lost, a request refused. */
  note(what: string): void {
    this.notes.set(what, (this.notes.get(what) ?? 0) + 1);
  }

  /** A run ended and was judged. */
  ended(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  /** Runs that ended and were judged. */
  get checked(): number {
    return [...this.outcomes.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Of the runs without a cancel, the share that ended with the whole answer. */
  get doneShare(): number {
    const done = (this.outcomes.get("v1 done") ?? 0) + (this.outcomes.get("v2 done") ?? 0);
    return done / Math.max(1, this.checked - (this.outcomes.get("v2 cancelled") ?? 0));
  }

  /** A run is over whose providers answered well, or were lost with their workers. */
  fared({ isWhole, since, about }: Fared): void {
    // Redis may have forgotten it.
    if (this.hasForgottenSince(since)) return;
    this.#due += 1;
    if (!isWhole) this.failed.push(about);
  }

  /** Which share of the runs that had to did end with the whole answer. */
  get wholeShare(): number {
    return 1 - this.failed.length / Math.max(1, this.#due);
  }

  get due(): number {
    return this.#due;
  }

  /** Names a run that streams right now, which is to be broken. */
  toBreak(random: Random): string | undefined {
    const speaking = [...this.#open].flatMap(({ id, isTelling, hasSpoken }) =>
      id !== undefined && isTelling && hasSpoken ? [id] : [],
    );
    const [first, ...rest] = speaking;
    if (first === undefined) return undefined;
    const id = random.pick([first, ...rest]);
    this.#broken.add(id);
    return id;
  }

  isBroken(id: string | undefined): boolean {
    return id !== undefined && this.#broken.has(id);
  }

  /** Redis lost everything, and with it every run. */
  forgot(): void {
    this.#forgotAt = performance.now();
  }

  hasForgottenSince(time: number): boolean {
    return this.#forgotAt >= time;
  }

  /** A run begins to be watched. */
  open({ isTelling, id }: { isTelling: boolean; id?: string }): Watched {
    const open: Open = { id, isTelling, hasSpoken: false, heardAt: performance.now() };
    this.#open.add(open);
    return {
      heard: () => {
        const now = performance.now();
        if (open.isTelling && !this.isBroken(open.id)) {
          this.longestSilenceMs = Math.max(this.longestSilenceMs, now - open.heardAt);
        }
        open.heardAt = now;
        open.hasSpoken = true;
        this.#noteRecovery(open);
      },
      closed: () => {
        this.#noteRecovery(open);
        this.#open.delete(open);
      },
    };
  }

  /** A fault happens now, under all that is open. */
  fault(kind: string): void {
    this.injected.push({ kind, at: this.now() });
    const silent = new Set([...this.#open].filter((open) => open.isTelling && open.hasSpoken));
    if (silent.size > 0) this.#faults.add({ kind, at: performance.now(), silent });
  }

  #noteRecovery(open: Open): void {
    for (const fault of this.#faults) {
      if (!fault.silent.delete(open)) continue;
      const times = this.recoveries.get(fault.kind) ?? [];
      this.recoveries.set(fault.kind, times);
      times.push(performance.now() - fault.at);
      if (fault.silent.size === 0) this.#faults.delete(fault);
    }
  }
}
