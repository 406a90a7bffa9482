import { type Component, Idle, within } from "@openclaw/runtime";
import { isTerminal, type PublishedEntry } from "@openclaw/stream";

/** An attempt at work in this process. */
export interface ActiveAttempt {
  /** Its own; of a hedge, that of the attempt which has said nothing yet. */
  readonly epoch: number;
  /** It stands in for another attempt as long as that one says nothing. */
  readonly isHedge?: boolean;
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
export class ActiveAttempts implements Component {
  readonly name = "attempts";
  readonly #attempts = new Map<string, Set<ActiveAttempt>>();
  /** What came for runs not at work here (yet), oldest first, and when. */
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

  /** Removes this very attempt; a later one of the same run stays. */
  remove(runId: string, attempt: ActiveAttempt): void {
    const attempts = this.#attempts.get(runId);
    if (!attempts?.delete(attempt)) return;
    this.#count -= 1;
    if (attempts.size === 0) this.#attempts.delete(runId);
    this.#idle.check();
  }

  /** Takes what was published to this worker: what others did to runs that are at work here. */
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

  /** The end of a run may overtake the answer to its claim, which comes on another connection. */
  #remember(published: PublishedEntry): void {
    const now = performance.now();
    this.#early.set(published.runId, { published, at: now });
    for (const [id, { at }] of this.#early) {
      if (now - at < EARLY_MS && this.#early.size <= MOST_EARLY) break;
      this.#early.delete(id);
    }
  }

  /** Something may have been missed. Attempts learn of it when they write; a hedge does not write. */
  missedSomething(): void {
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

/** Whether what was published says that an attempt is not wanted any more. */
function isOver({ epoch, isHedge }: ActiveAttempt, { position, entry }: PublishedEntry): boolean {
  if (position.epoch !== epoch) return position.epoch > epoch;
  return isHedge === true || isTerminal(entry);
}
