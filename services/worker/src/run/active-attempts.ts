import type { PublishedEntry } from "@openclaw/stream";

/** An attempt at work in this process. */
export interface ActiveAttempt {
  readonly epoch: number;
  /** Ends it: somebody else ended the run. */
  readonly abort: () => void;
}

/**
 * The attempts at work here, found by run, so that a message about a run ended elsewhere (a cancel)
 * stops the provider at once instead of with the next append.
 */
export class ActiveAttempts {
  readonly #attempts = new Map<string, ActiveAttempt>();

  get count(): number {
    return this.#attempts.size;
  }

  add(runId: string, attempt: ActiveAttempt): void {
    this.#attempts.set(runId, attempt);
  }

  /** Removes this very attempt; a later one of the same run stays. */
  remove(runId: string, attempt: ActiveAttempt): void {
    if (this.#attempts.get(runId) === attempt) this.#attempts.delete(runId);
  }

  /** Takes what was published to this worker: the terminal entries of runs ended from outside. */
  onBatch(batch: readonly PublishedEntry[]): void {
    for (const { runId, position } of batch) {
      const attempt = this.#attempts.get(runId);
      if (attempt && attempt.epoch <= position.epoch) attempt.abort();
    }
  }
}
