/**
 * A run that is open on this edge: follows its log, delivers it to its client, and ends it exactly once. The states are
 * in `run-state.ts`.
 *
 * The end usually comes from the log. It comes from this edge for a cancel, a deadline, or a submission that failed. The
 * client then hears of it at once, and `onEnded` tells the cluster.
 */
import { type Failure, failure } from "@openclaw/protocol";
import {
  BEGINNING,
  type CancelReason,
  type Entry,
  Follower,
  isTerminal,
  type Position,
  type PublishedEntry,
  type RunRecords,
  type TerminalEntry,
} from "@openclaw/stream";
import type { Answer } from "../answers/answer.ts";
import type { Hold } from "../answers/run-clock.ts";
import type { EndedRun } from "./ended-run.ts";
import { RunDelivery } from "./run-delivery.ts";
import { RunStates } from "./run-state.ts";
import { type RunDeadlines, RunTimeouts } from "./run-timeouts.ts";

const LOST = "The run was lost with the data store. Try again.";
const UNREADABLE = "The stored run cannot be read. Try again.";
const TAKEN = "There is a run of that id already; resume it, or choose another id.";

export interface LiveRunOptions {
  readonly runId: string;
  readonly session: string;
  /** The provider that was asked. */
  readonly provider: string;
  /** The providers that may answer: first the provider that was asked, then its fallback. */
  readonly chain: readonly string[];
  /**
   * Set for a client that came back: its position, and how long the run has waited for a worker. `waitedMs` is undefined
   * if the run does not wait.
   */
  readonly resumed?: { readonly after: Position; readonly waitedMs: number | undefined };
  /** Bytes of the prompt, which is in Redis until the run ends. Not set for a run that began elsewhere. */
  readonly promptBytes?: number;
  readonly answer: Answer;
  readonly read: RunRecords["read"];
  /** Whether a worker will be offered the run, or has been. */
  readonly isOffered?: (runId: string) => Promise<boolean>;
  readonly deadlines: RunDeadlines;
  /** A published chunk was missing, or out of order. */
  readonly onGap?: (() => void) | undefined;
  /** The record or log cannot be read, though Redis answers. The run fails. */
  readonly onUnreadable?: (error: unknown) => void;
  /** Whether the run goes on without a reader. */
  readonly isBackground?: boolean;
  /** Called once, after the client was told. */
  readonly onEnded: (ended: EndedRun) => void;
}

export class LiveRun {
  readonly runId: string;
  readonly session: string;
  /** The provider that was asked. */
  readonly provider: string;
  readonly chain: readonly string[];
  /** What this edge put into Redis for the run, until it ends. */
  readonly promptBytes: number;
  /** Whether the run began elsewhere, or on another connection. */
  readonly isResumed: boolean;
  /** Whether the run goes on without a reader. */
  readonly isBackground: boolean;
  readonly #onEnded: (ended: EndedRun) => void;
  readonly #states: RunStates;
  readonly #delivery: RunDelivery;
  readonly #timeouts: RunTimeouts;
  readonly #follower: Follower;
  /**
   * A client may have chosen the id of another run. Until Redis has created this run, no entry of that id is delivered, and
   * the cluster is not told of an end.
   */
  #isOurs: boolean;
  #terminal: TerminalEntry | undefined;

  constructor(options: LiveRunOptions) {
    const { provider, resumed, deadlines } = options;
    this.runId = options.runId;
    this.session = options.session;
    this.provider = provider;
    this.chain = options.chain;
    this.promptBytes = options.promptBytes ?? 0;
    this.isResumed = resumed !== undefined;
    this.isBackground = options.isBackground ?? false;
    this.#onEnded = options.onEnded;
    this.#delivery = new RunDelivery(options.answer);
    this.#isOurs = this.isResumed;
    const isAtWork = resumed !== undefined && resumed.waitedMs === undefined;
    this.#states = new RunStates(isAtWork ? "streaming" : resumed ? "queued" : "submitting");
    this.#timeouts = new RunTimeouts({
      deadlines,
      provider,
      acceptedAt: this.#delivery.acceptedAt,
      isResumed: this.isResumed,
      waitedMs: resumed?.waitedMs ?? 0,
    });
    this.#follower = this.#createFollower(options);
  }

  /** The provider on whose queue the run is, or was last. */
  get waitsFor(): string {
    return this.#timeouts.waitsFor;
  }

  /** Whether no client reads the run here. */
  get isDetached(): boolean {
    return this.#delivery.isDetached;
  }

  get isQueued(): boolean {
    return this.#states.current === "queued";
  }

  /** Which provider is at work, and for how long. Undefined for a run that began elsewhere: that time is unknown here. */
  get hold(): Hold | undefined {
    return this.isEnded || this.isResumed ? undefined : this.#delivery.hold;
  }

  get isEnded(): boolean {
    return this.#states.current === "ended";
  }

  /** How the run ended; undefined also for a run that goes on without this edge. */
  get terminal(): TerminalEntry | undefined {
    return this.#terminal;
  }

  /** Whether the cluster has this run under its id, and not another run. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** The record of this run was created. */
  created(): void {
    this.#isOurs = true;
  }

  /** The job is on its queue. */
  queued(): void {
    this.#delivery.queued(this.provider);
    if (!this.isEnded) this.#delivery.accepted();
    if (this.#states.current === "submitting") this.#states.move("queued");
  }

  /** The job could not be put on its queue. */
  submissionFailed(): void {
    this.#fail(failure("unavailable"));
  }

  /** Another run has the id and goes on, so the cluster must not hear of this run. */
  taken(): void {
    const refusal = failure("invalid_request", TAKEN);
    const terminal = { type: "failed", failure: refusal, timings: undefined } as const;
    this.#end(terminal, { byEdge: false, refusal });
  }

  /**
   * Takes what was published of this run, in one write to the client.
   *
   * @param receivedAt when the message came, on the monotonic clock
   */
  offer(
    entries: ReadonlyArray<Pick<PublishedEntry, "position" | "entry">>,
    receivedAt: number,
  ): void {
    if (this.isEnded || !this.#isOurs) return;
    this.#timeouts.heard(receivedAt);
    this.#delivery.batchReceived(receivedAt, () => {
      for (const { position, entry } of entries) this.#follower.offer(position, entry);
    });
  }

  /** The client can take more again. */
  resume(): void {
    this.#follower.resume();
  }

  /** Reads the log, since a message may have been missed. */
  refill(): void {
    // Before the run is queued there is no log, and that would look like a loss.
    if (this.#states.hasLog) this.#follower.refill();
  }

  /** The client is gone but may come back: the run goes on without a reader. */
  detach(): void {
    this.#delivery.detach();
    this.#follower.resume();
  }

  /** Follows the run no further. The run goes on without this edge. */
  leave(): void {
    this.#states.move("ended");
    this.#follower.close();
  }

  cancel(reason: CancelReason): void {
    this.#end({ type: "cancelled", reason }, { byEdge: true });
  }

  /** The edge stops before the run is over. A client that can resume finds its run on another edge. */
  abandon(): void {
    if (this.#delivery.isResumable) this.leave();
    else this.#fail(failure("draining"));
  }

  /** Tells the client how many runs wait in front of this one. */
  notifyPosition(position: number, waitMs: number): void {
    if (this.isQueued) this.#delivery.notifyPosition(position, waitMs);
  }

  /** Called every half second: catches up after silence, ends what is overdue. */
  sweep(now: number): void {
    const state = this.#states.current;
    const overdue = this.#timeouts.overdue(now, {
      state,
      answering: this.#delivery.answeredBy ?? this.provider,
      isPaused: this.#follower.isPaused,
    });
    if (overdue) this.#fail(overdue);
    else if (this.#follower.behind || this.#timeouts.isSilent(now, state)) {
      this.#timeouts.looked(now);
      this.refill();
    }
  }

  /** Whether the run is past every bound, and this was not known before: its sweep did not end it. True at most once. */
  becameStuck(now: number): boolean {
    return this.#timeouts.becameStuck(now);
  }

  #createFollower({ resumed, read, onGap, isOffered, onUnreadable }: LiveRunOptions): Follower {
    return new Follower({
      runId: this.runId,
      after: resumed?.after ?? BEGINNING,
      read,
      batch: (deliverAll) => this.#delivery.batch(deliverAll),
      deliver: (position, entry) => this.#deliver(position, entry),
      ...(onGap && { onGap }),
      ...(isOffered && { isOffered }),
      onLost: () => this.#fail(failure("unavailable", LOST)),
      onUnreadable: (error) => {
        onUnreadable?.(error);
        this.#fail(failure("internal", UNREADABLE));
      },
    });
  }

  /** Answers whether the client can take more. */
  #deliver(position: Position, entry: Entry): boolean {
    this.#timeouts.delivered();
    if (isTerminal(entry)) {
      this.#end(entry, { byEdge: false, position });
      return false;
    }
    this.#states.move(entry.type === "moved" ? "queued" : "streaming");
    if (entry.type === "moved") this.#timeouts.waits(entry.provider);
    const outcome = this.#delivery.deliver(position, entry);
    if (outcome === "interrupted") this.cancel("interrupted");
    return outcome === "more";
  }

  #fail(reason: Failure): void {
    this.#end({ type: "failed", failure: reason, timings: undefined }, { byEdge: true });
  }

  /** @param position of the terminal in the log */
  #end(
    terminal: TerminalEntry,
    { byEdge, position, refusal }: { byEdge: boolean; position?: Position; refusal?: Failure },
  ): void {
    if (this.isEnded) return;
    this.#states.move("ended");
    this.#terminal = terminal;
    this.#follower.close();
    const { runId, session, provider, chain } = this;
    const delivered = this.#delivery.end(terminal, position);
    // Of a run that began elsewhere, this edge does not know how long it had its place.
    const edgePhases = { ...delivered.edgePhases, ...(this.isResumed && { holds: [] }) };
    this.#onEnded({
      ...{ runId, session, provider, chain, terminal },
      byEdge: byEdge && this.#isOurs,
      ...(refusal && { refusal }),
      ...delivered,
      edgePhases,
    });
  }
}
