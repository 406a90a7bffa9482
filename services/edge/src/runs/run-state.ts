import { type Moves, moved } from "@openclaw/runtime";

/** The states of a run that is open on this edge. */
export type RunState = (typeof RUN_STATES)[number];

/**
 * - `submitting` → `queued`: the job is on its queue.
 * - `submitting`, `queued` → `streaming`: an entry of an attempt came. A worker may be faster than the answer of the queue.
 * - `submitting`, `streaming` → `queued`: a failed attempt gave the run to another provider.
 * - every state → `ended`: the log has its end, this edge ended the run, or this edge follows it no further.
 */
const RUN_STATES = ["submitting", "queued", "streaming", "ended"] as const;

const NEXT: Moves<RunState> = {
  submitting: ["queued", "streaming", "ended"],
  queued: ["streaming", "ended"],
  streaming: ["queued", "ended"],
  ended: [],
};

export class RunStates {
  #current: RunState;

  constructor(first: RunState) {
    this.#current = first;
  }

  get current(): RunState {
    return this.#current;
  }

  /** Whether the run waits for a worker or is at work, so that its log exists. */
  get hasLog(): boolean {
    return this.#current === "queued" || this.#current === "streaming";
  }

  /** Does nothing in the same state. @throws Error for any other move that is not in the list */
  move(to: RunState): void {
    if (to !== this.#current) this.#current = moved(NEXT, this.#current, to);
  }
}
