/** Delivers the entries of a run to its client's answer, and measures what was delivered. */
import type {
  DeltaEntry,
  Entry,
  Position,
  StartedEntry,
  TerminalEntry,
  ToolCallEntry,
} from "@openclaw/stream";
import { type Answer, NO_READER } from "../answers/answer.ts";
import { type EdgePhases, type Hold, RunClock, type RunPhases } from "../answers/run-clock.ts";

/** What was delivered of a run, from its beginning here to its end. */
export interface DeliveredRun {
  /** The provider of the last attempt; undefined if no worker took the run. */
  readonly answeredBy: string | undefined;
  readonly model: string | undefined;
  readonly attempts: number;
  readonly characters: number;
  /** Whether text went to a client as it came. */
  readonly isStreamed: boolean;
  readonly phases: RunPhases;
  readonly edgePhases: EdgePhases;
}

/**
 * - `more`: the client can take more.
 * - `full`: the client must catch up first.
 * - `interrupted`: this attempt differs from what the client already has.
 */
export type DeliveryOutcome = "more" | "full" | "interrupted";

export class RunDelivery {
  readonly #clock = new RunClock();
  readonly #isStreamed: boolean;
  #answer: Answer;
  #answeredBy: string | undefined;
  #model: string | undefined;
  #attempts = 0;
  #characters = 0;
  /** When the message came that is being delivered; undefined for entries that were read from the log. */
  #receivedAt: number | undefined;

  constructor(answer: Answer) {
    this.#answer = answer;
    this.#isStreamed = answer.isStreamed;
  }

  /** When the run was accepted, on the monotonic clock. */
  get acceptedAt(): number {
    return this.#clock.acceptedAt;
  }

  /** Whether the client can come back for the rest, so that this edge may leave the run. */
  get isResumable(): boolean {
    return this.#answer.isResumable;
  }

  /** Whether no client reads the run here. */
  get isDetached(): boolean {
    return this.#answer === NO_READER;
  }

  /** The provider of the last attempt. */
  get answeredBy(): string | undefined {
    return this.#answeredBy;
  }

  /** Which provider is at work, and for how long; undefined while no worker has the run. */
  get hold(): Hold | undefined {
    return this.#clock.hold;
  }

  /** The client is gone but may come back. */
  detach(): void {
    this.#answer = NO_READER;
    this.#clock.left();
  }

  /** Groups what is written inside `write` into one system call. */
  batch(write: () => void): void {
    this.#answer.batch(write);
  }

  /** Likewise, for a message that came at `receivedAt`, on the monotonic clock. */
  batchReceived(receivedAt: number, write: () => void): void {
    this.#receivedAt = receivedAt;
    this.batch(write);
    this.#receivedAt = undefined;
  }

  /** The job is on the queue of the provider that was asked. */
  queued(provider: string): void {
    this.#clock.queued(provider);
  }

  /** Tells the client that the run is accepted. */
  accepted(): void {
    this.#answer.onAccepted();
  }

  /** Tells the client how many runs wait in front of its own. */
  notifyPosition(position: number, waitMs: number): void {
    this.#answer.onQueued(position, waitMs);
  }

  deliver(position: Position, entry: Exclude<Entry, TerminalEntry>): DeliveryOutcome {
    switch (entry.type) {
      case "moved":
        this.#clock.moved(entry.provider);
        return "more";
      case "started":
        this.#start(position, entry);
        return "more";
      default:
        return this.#piece(position, entry);
    }
  }

  /** @param position of the terminal in the log; undefined if this edge ends the run */
  end(terminal: TerminalEntry, position: Position | undefined): DeliveredRun {
    const timings = terminal.type === "cancelled" ? undefined : terminal.timings;
    const phases = this.#clock.read(timings);
    const answer = this.#answer;
    let hasText = false;
    answer.batch(() => {
      hasText = answer.onTerminal(terminal, phases, position);
    });
    if (hasText) this.#clock.wrote(this.#receivedAt);
    return {
      answeredBy: this.#answeredBy,
      model: this.#model,
      attempts: this.#attempts,
      characters: this.#characters,
      isStreamed: this.#isStreamed,
      phases: hasText ? this.#clock.read(timings) : phases,
      edgePhases: this.#clock.readEdge(),
    };
  }

  #start(position: Position, entry: StartedEntry): void {
    this.#clock.started(entry.provider);
    this.#attempts += 1;
    this.#answeredBy = entry.provider;
    this.#model = entry.model;
    this.#answer.onStarted(position, entry);
  }

  #piece(position: Position, entry: DeltaEntry | ToolCallEntry): DeliveryOutcome {
    const answer = this.#answer;
    const outcome =
      entry.type === "tool_call"
        ? answer.onToolCall(position, entry)
        : answer.onDelta(position, entry);
    if (outcome === "interrupted") return "interrupted";
    // A full socket may have been filled by reasoning, which is no text.
    if (outcome !== "held" && entry.type !== "reasoning") this.#clock.wrote(this.#receivedAt);
    if (entry.type === "text") this.#characters += entry.text.length;
    // The write may have lost the connection. Then no client reads the run, and every entry can be taken.
    return outcome === "full" && this.#answer === answer ? "full" : "more";
  }
}
