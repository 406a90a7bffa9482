/**
 * What was bought from the providers, as they saw it: an answer may be asked for again after a failure,
 * but not more often than attempts are allowed, and not for long by two attempts at once.
 */
import type { ClusterProcess } from "@openclaw/testing";
import type { History } from "./history.ts";

const MAX_ATTEMPTS = 2;
/**
 * How long an attempt that lost its run may still read from its provider: a worker that is stopped does
 * so until it wakes up, and learns then.
 */
const OVERLAP_MS = 15_000;
/** The connection closes under these, so that they are asked for once more for nothing. */
const ASKED_AGAIN = /"(stale|refuse)":true/;

export class Purchases {
  readonly #history: History;
  readonly #bought = new Map<string, { at: number; count: number; open: number }>();

  constructor(history: History) {
    this.#history = history;
  }

  /** The provider was asked. Overlaps with an earlier asking are looked at when that is over. */
  began(prompt: string): void {
    const bought = this.#bought.get(prompt) ?? { at: 0, count: 0, open: 0 };
    this.#bought.set(prompt, bought);
    bought.count += 1;
    bought.open += 1;
    bought.at = performance.now();
    if (bought.count > MAX_ATTEMPTS && !ASKED_AGAIN.test(prompt)) {
      this.#history.violate("bought more often than allowed", `${bought.count} times ${prompt}`);
    }
  }

  /** The provider's answer is over, however. */
  over(prompt: string): void {
    const bought = this.#bought.get(prompt);
    if (!bought) return;
    bought.open -= 1;
    const overlapMs = performance.now() - bought.at;
    if (bought.open > 0 && overlapMs > OVERLAP_MS) {
      const detail = `side by side for ${Math.round(overlapMs)} ms ${prompt}`;
      this.#history.violate("bought twice without a fence", detail);
    }
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
