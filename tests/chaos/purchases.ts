/**
 * What was bought from the providers, as they saw it: an answer may be asked for again after a failure,
 * but not more often than attempts are allowed, and not for long by two attempts at once.
 */
import type { ClusterProcess } from "@openclaw/testing";
import type { History } from "./history.ts";

const MAX_ATTEMPTS = 2;
/** A fifth attempt that is lost with its worker ends the run. */
const MOST_LOST = 4;
/** Workers that leave in an orderly way release their runs: an attempt each, bounded by the run's deadline alone. */
const RELEASES = /^(SIGTERM worker|all of worker)/;
/** A process that was stopped before may be taken for lost only now. */
const LONGEST_STOP_MS = 10_000;
/**
 * How long an attempt that lost its run may still read from its provider: a worker that is stopped does
 * so until it wakes up, and learns then.
 */
const OVERLAP_MS = 15_000;
/** The connection closes under these, so that they are asked for once more for nothing. */
const ASKED_AGAIN = /"(stale|refuse)":true/;
/** The provider that is asked first says nothing, which costs no attempt. */
const SAYS_NOTHING = /"(hang|status)":|After":0[,}]/;
/** What users ask here; workers ask other things to see whether a provider is well again. */
const QUESTION = /^sim:/;

interface Bought {
  readonly times: { readonly provider: string; readonly at: number }[];
  /** Answers that are not over. */
  open: number;
}

export class Purchases {
  readonly #history: History;
  readonly #bought = new Map<string, Bought>();

  constructor(history: History) {
    this.#history = history;
  }

  /** The provider was asked. Overlaps with an earlier asking are looked at when that is over. */
  began(prompt: string, provider: string): void {
    if (!QUESTION.test(prompt)) return;
    const bought = this.#bought.get(prompt) ?? { times: [], open: 0 };
    this.#bought.set(prompt, bought);
    bought.times.push({ provider, at: this.#history.now() });
    bought.open += 1;
    const mayBeLost = bought.times.filter(({ at }) => this.#wasHarmedSince(at - LONGEST_STOP_MS));
    const releases = this.#releasesSince(bought.times[0]?.at ?? 0);
    const lost = Math.min(MOST_LOST + releases, mayBeLost.length);
    const allowed = MAX_ATTEMPTS + lost + (SAYS_NOTHING.test(prompt) ? 1 : 0);
    if (bought.times.length > allowed && !ASKED_AGAIN.test(prompt)) {
      const times = bought.times.map(({ provider, at }) => `${at} ms ${provider}`).join(", ");
      this.#history.violate("bought more often than allowed", `${times} ${prompt}`);
    }
  }

  /** Whether a provider was ever asked this. */
  hasBegun(prompt: string): boolean {
    return this.#bought.has(prompt);
  }

  /** The provider's answer is over, however. */
  over(prompt: string): void {
    const bought = this.#bought.get(prompt);
    if (!bought) return;
    bought.open -= 1;
    const overlapMs = this.#history.now() - (bought.times.at(-1)?.at ?? 0);
    if (bought.open > 0 && overlapMs > OVERLAP_MS) {
      const detail = `side by side for ${Math.round(overlapMs)} ms ${prompt}`;
      this.#history.violate("bought twice without a fence", detail);
    }
  }

  /** Whether an attempt of then may have been lost, also one that had all of its answer: its end was not written. */
  #wasHarmedSince(then: number): boolean {
    return this.#history.injected.some(({ kind, at }) => at >= then && /worker|redis/.test(kind));
  }

  /** How often a worker was told to leave while the run may have been at work on it. */
  #releasesSince(begun: number): number {
    const since = begun - LONGEST_STOP_MS;
    return this.#history.injected.filter(({ kind, at }) => at >= since && RELEASES.test(kind))
      .length;
  }

  /** Whether two attempts of one run both came to write its end. */
  judgeWorkers(workers: readonly ClusterProcess[]): void {
    const finished = new Map<unknown, number>();
    for (const { logs } of workers) {
      for (const { msg, runId } of logs) {
        if (msg === "attempt finished") finished.set(runId, (finished.get(runId) ?? 0) + 1);
      }
    }
    for (const [runId, count] of finished) {
      if (count > 1) {
        this.#history.violate("bought twice without a fence", `${count} ends of ${runId}`);
      }
    }
  }
}
