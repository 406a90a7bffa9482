import { type Component, Idle, within } from "@openclaw/runtime";
import { isTerminal, type PublishedEntry } from "@openclaw/stream";

/** An attempt at work in this process. */
export interface ActiveAttempt {
  /** Its own epoch; of a hedge, the epoch of the first attempt. */
  readonly epoch: number;
  /** It has no claim yet, and is not wanted once the first attempt writes. */
  readonly isHedge?: boolean;
  /** `ended`: the run ended elsewhere. `stopping`: this process leaves, and the run goes on elsewhere. */
  readonly abort: (reason: "ended" | "stopping") => void;
}

/**
 * How long published entries of runs without an attempt here are kept. The answer to a claim mostly comes sooner. After a
 * later answer, the attempt learns of the run's end with its first append.
 */
const EARLY_MS = 5_000;
const MOST_EARLY = 10_000;

/** How long attempts may take to release their runs. */
const LET_GO_MS = 2_000;

/**
 * The attempts at work in this process, by run.
 *
 * A published entry that ends a run (a cancel) stops the provider at once, instead of with the next append. `stop`
 * releases every run.
 */
export class ActiveAttempts implements Component {
  readonly name = "attempts";
  readonly #attempts = new Map<string, Set<ActiveAttempt>>();
  /** Published entries of runs without an attempt here, oldest first, and when they came. */
  readonly #early = new Map<string, { readonly published: PublishedEntry; readonly at: number }>();
  #count = 0;
  readonly #idle = new Idle(() => this.#count === 0);

  get count(): number {
    return this.#count;
  }

  add(runId: string, attempt: ActiveAttempt): void {
    const attempts = this.#attempts.get(runId) ?? new Set();
    this.#attempts.set(runId, attempts.add(attempt));
    this.#count += 1;
    const early = this.#early.get(runId);
    if (early && isOver(attempt, early.published)) attempt.abort("ended");
  }

  /** Removes this attempt. Other attempts of the same run stay. */
  remove(runId: string, attempt: ActiveAttempt): void {
    const attempts = this.#attempts.get(runId);
    if (!attempts?.delete(attempt)) return;
    this.#count -= 1;
    if (attempts.size === 0) this.#attempts.delete(runId);
    this.#idle.check();
  }

  /** Takes entries that were published to this worker. */
  onBatch(batch: readonly PublishedEntry[]): void {
    for (const published of batch) {
      const { runId } = published;
      const attempts = this.#attempts.get(runId);
      if (!attempts) this.#remember(published);
      for (const attempt of attempts ?? []) {
        if (isOver(attempt, published)) attempt.abort("ended");
      }
    }
  }

  /** The end of a run may arrive before the answer to its claim, which comes on another connection. */
  #remember(published: PublishedEntry): void {
    const now = performance.now();
    this.#early.set(published.runId, { published, at: now });
    for (const [id, { at }] of this.#early) {
      if (now - at < EARLY_MS && this.#early.size <= MOST_EARLY) break;
      this.#early.delete(id);
    }
  }

  /** The subscription was interrupted. Attempts learn of missed entries when they write. Hedges do not write, so they stop. */
  onRestored(): void {
    for (const attempt of this.#all()) if (attempt.isHedge) attempt.abort("ended");
  }

  #all(): ActiveAttempt[] {
    return [...this.#attempts.values()].flatMap((attempts) => [...attempts]);
  }

  async start(): Promise<void> {
    // Nothing to prepare.
  }

  async stop(): Promise<void> {
    if (this.#count === 0) return;
    for (const attempt of this.#all()) attempt.abort("stopping");
    await within(LET_GO_MS, this.#idle.wait());
  }
}

/** Whether a published entry means that an attempt is not wanted any more. */
function isOver({ epoch, isHedge }: ActiveAttempt, { position, entry }: PublishedEntry): boolean {
  if (position.epoch !== epoch) return position.epoch > epoch;
  return isHedge === true || isTerminal(entry);
}
