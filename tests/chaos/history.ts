/** What was observed, and judged, over one run of chaos. */
import type { Difference } from "./difference.ts";

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

/** A run as long as somebody waits for it. */
export interface Watched {
  /** Something of it came. */
  heard(): void;
  /** It ended, or whoever waited is gone. */
  closed(): void;
}

interface Open {
  /** Whether it says anything about recovery: one whose provider fails is silent for its own reasons. */
  readonly isTelling: boolean;
  hasSpoken: boolean;
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

  /** Which share of those that nobody cancelled ended with the whole answer. */
  get doneShare(): number {
    const done = (this.outcomes.get("v1 done") ?? 0) + (this.outcomes.get("v2 done") ?? 0);
    return done / Math.max(1, this.checked - (this.outcomes.get("v2 cancelled") ?? 0));
  }

  /** Redis lost everything, and with it every run. */
  forgot(): void {
    this.#forgotAt = performance.now();
  }

  hasForgottenSince(time: number): boolean {
    return this.#forgotAt >= time;
  }

  /** A run begins to be watched. */
  open({ isTelling }: { isTelling: boolean }): Watched {
    const open: Open = { isTelling, hasSpoken: false };
    this.#open.add(open);
    return {
      heard: () => {
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
