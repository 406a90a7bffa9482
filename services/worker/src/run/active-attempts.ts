import type { Part } from "@openclaw/runtime";
import type { PublishedEntry } from "@openclaw/stream";

/** An attempt at work in this process. */
export interface ActiveAttempt {
  readonly epoch: number;
  /** `ended`: somebody else ended the run. `stopping`: this process leaves, the run goes on elsewhere. */
  readonly abort: (reason: "ended" | "stopping") => void;
}

/** As long as the answer to a claim may take. */
const EARLY_MS = 5_000;
const MOST_EARLY = 10_000;

/** How long attempts may take to let go of their runs. */
const LET_GO_MS = 2_000;

/**
 * The attempts at work here, found by run, so that a message about a run ended elsewhere (a cancel)
 * stops the provider at once instead of with the next append. Stopping hands every run back.
 */
export class ActiveAttempts implements Part {
  readonly name = "attempts";
  readonly #attempts = new Map<string, ActiveAttempt>();
  /** Ends that came for runs not at work here (yet), oldest first: position's epoch, and when. */
  readonly #early = new Map<string, { readonly epoch: number; readonly at: number }>();
  #onEmpty: () => void = () => undefined;

  get count(): number {
    return this.#attempts.size;
  }

  add(runId: string, attempt: ActiveAttempt): void {
    this.#attempts.set(runId, attempt);
    const early = this.#early.get(runId);
    if (early && attempt.epoch <= early.epoch) attempt.abort("ended");
  }

  /** Removes this very attempt; a later one of the same run stays. */
  remove(runId: string, attempt: ActiveAttempt): void {
    if (this.#attempts.get(runId) === attempt) this.#attempts.delete(runId);
    if (this.#attempts.size === 0) this.#onEmpty();
  }

  /** Takes what was published to this worker: the terminal entries of runs ended from outside. */
  onBatch(batch: readonly PublishedEntry[]): void {
    for (const { runId, position } of batch) {
      const attempt = this.#attempts.get(runId);
      if (!attempt) this.#rememberEnd(runId, position.epoch);
      else if (attempt.epoch <= position.epoch) attempt.abort("ended");
    }
  }

  /** The end of a run may overtake the answer to its claim, which comes on another connection. */
  #rememberEnd(runId: string, epoch: number): void {
    const now = performance.now();
    this.#early.set(runId, { epoch, at: now });
    for (const [id, { at }] of this.#early) {
      if (now - at < EARLY_MS && this.#early.size <= MOST_EARLY) break;
      this.#early.delete(id);
    }
  }

  async start(): Promise<void> {
    // Nothing to prepare.
  }

  async stop(): Promise<void> {
    if (this.#attempts.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const attempt of this.#attempts.values()) attempt.abort("stopping");
    await Promise.race([empty, new Promise((resolve) => setTimeout(resolve, LET_GO_MS).unref())]);
  }
}
