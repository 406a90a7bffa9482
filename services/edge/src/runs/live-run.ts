/**
 * A run that is open on this edge: follows its log, writes its answer, and ends it exactly once,
 * whoever says so first.
 *
 *   submitting → queued → streaming → ended
 *
 * with `ended` reachable from everywhere, and `queued` again from `streaming` when a failed attempt
 * gives the run to another provider. The end comes from the log (the usual way), or from this
 * edge (a cancel, a deadline, a submission that failed). In the latter case the client hears of it
 * at once and `onEnded` tells the cluster.
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
import { type Answer, NO_READER } from "../answers/answer.ts";
import { type EdgePhases, type Hold, RunClock, type RunPhases } from "../answers/run-clock.ts";
import { type RunDeadlines, type RunState, RunTimeouts } from "./run-timeouts.ts";

const LOST = "The run was lost with the data store. Try again.";
const UNREADABLE = "What is stored of the run cannot be read. Try again.";

export interface EndedRun {
  readonly runId: string;
  readonly session: string;
  /** The provider that was asked. */
  readonly provider: string;
  readonly chain: readonly string[];
  /** The provider of the last attempt; undefined where no worker took the run. */
  readonly answeredBy: string | undefined;
  readonly model: string | undefined;
  readonly terminal: TerminalEntry;
  /** True where this edge ended it and the cluster does not know yet. */
  readonly byEdge: boolean;
  /** Why it never was a run, where it was not: another one has its id. */
  readonly refusal?: Failure;
  readonly attempts: number;
  readonly characters: number;
  /** Whether its text went to a client as it came. */
  readonly isStreamed: boolean;
  readonly phases: RunPhases;
  readonly edgePhases: EdgePhases;
}

export interface LiveRunOptions {
  readonly runId: string;
  readonly session: string;
  readonly provider: string;
  /** Who may come to work on it: the provider, and those that stand in for it. */
  readonly chain: readonly string[];
  /**
   * For a client that came back: the position from which on it wants the run, and how long that has waited for
   * a worker, where it does.
   */
  readonly resumed?: { readonly after: Position; readonly waitedMs: number | undefined };
  /** Bytes of what was asked, which are in Redis until the run ends; of a run that began elsewhere, none. */
  readonly promptBytes?: number;
  readonly answer: Answer;
  readonly read: RunRecords["read"];
  /** Whether a worker will be offered the run, or has been. */
  readonly isOffered?: (runId: string) => Promise<boolean>;
  readonly deadlines: RunDeadlines;
  /** A published chunk was missing, or out of order. */
  readonly onGap?: (() => void) | undefined;
  /** Its record or log cannot be read, and that is no outage; it fails for that. */
  readonly onUnreadable?: (error: unknown) => void;
  /** Whether it goes on though nobody reads it. */
  readonly isBackground?: boolean;
  /** Called once, after the client was told. */
  readonly onEnded: (ended: EndedRun) => void;
}

export class LiveRun {
  readonly #options: LiveRunOptions;
  readonly #follower: Follower;
  #answer: Answer;
  readonly #clock = new RunClock();
  #state: RunState = "submitting";
  /** Who works on it; after a failure perhaps another provider than was asked. */
  #answering: string | undefined;
  #model: string | undefined;
  #attempts = 0;
  #characters = 0;
  readonly #patience: RunTimeouts;
  /** When the message came that is being delivered; undefined where what is delivered comes from the log. */
  #receivedAt: number | undefined;
  /**
   * A client may have chosen an id that another run has. Until that is known not to be so, what comes
   * under it is not to be delivered, and its end not to be told to the cluster.
   */
  #isOurs: boolean;
  #terminal: TerminalEntry | undefined;

  constructor(options: LiveRunOptions) {
    this.#options = options;
    const { runId, read, resumed, deadlines, provider } = options;
    this.#answer = options.answer;
    const { acceptedAt } = this.#clock;
    const isResumed = resumed !== undefined;
    const { waitedMs } = resumed ?? {};
    this.#patience = new RunTimeouts({
      deadlines,
      provider,
      acceptedAt,
      isResumed,
      waitedMs: waitedMs ?? 0,
    });
    this.#isOurs = resumed !== undefined;
    if (resumed) this.#state = waitedMs === undefined ? "streaming" : "queued";
    this.#follower = new Follower({
      runId,
      after: resumed?.after ?? BEGINNING,
      read,
      batch: (deliverAll) => this.#answer.batch(deliverAll),
      deliver: (position, entry) => this.#deliver(position, entry),
      ...(options.onGap && { onGap: options.onGap }),
      ...(options.isOffered && { isOffered: options.isOffered }),
      onLost: () => this.#fail(failure("unavailable", LOST)),
      onUnreadable: (error) => {
        options.onUnreadable?.(error);
        this.#fail(failure("internal", UNREADABLE));
      },
    });
  }

  get runId(): string {
    return this.#options.runId;
  }

  get session(): string {
    return this.#options.session;
  }

  /** The provider that was asked. */
  get provider(): string {
    return this.#options.provider;
  }

  /** What it takes of Redis until it ends, as far as this edge put it there. */
  get promptBytes(): number {
    return this.#options.promptBytes ?? 0;
  }

  get chain(): readonly string[] {
    return this.#options.chain;
  }

  /** The provider on whose queue it is, or was last. */
  get waitsFor(): string {
    return this.#patience.waitsFor;
  }

  /** Whether it began elsewhere, or on another connection. */
  get isResumed(): boolean {
    return this.#options.resumed !== undefined;
  }

  /** Whether it goes on though nobody reads it. */
  get isBackground(): boolean {
    return this.#options.isBackground ?? false;
  }

  /** Whether its client is gone, or never was to read it. */
  get isDetached(): boolean {
    return this.#answer === NO_READER;
  }

  /** Whether it waits for a worker. */
  get isQueued(): boolean {
    return this.#state === "queued";
  }

  /**
   * Who works on it, and for how long it has. Undefined while nobody does, and where it began elsewhere: nobody here
   * knows when.
   */
  get hold(): Hold | undefined {
    return this.isEnded || this.isResumed ? undefined : this.#clock.hold;
  }

  get isEnded(): boolean {
    return this.#state === "ended";
  }

  /** How it ended; undefined also for one that goes on without this edge. */
  get terminal(): TerminalEntry | undefined {
    return this.#terminal;
  }

  /** Whether what the cluster knows under its id is this run. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** The run is on its queue. */
  queued(): void {
    this.#clock.queued(this.provider);
    if (!this.isEnded) this.#answer.onAccepted();
    if (this.#state === "submitting") this.#state = "queued";
  }

  /** Its record was made: what is known under its id is its own. */
  created(): void {
    this.#isOurs = true;
  }

  /**
   * Takes what was published of this run, in one write to the client.
   *
   * @param receivedAt when it came, on the monotonic clock
   */
  offer(
    entries: ReadonlyArray<Pick<PublishedEntry, "position" | "entry">>,
    receivedAt: number,
  ): void {
    if (this.isEnded || !this.#isOurs) return;
    this.#patience.heard(receivedAt);
    this.#receivedAt = receivedAt;
    this.#answer.batch(() => {
      for (const { position, entry } of entries) this.#follower.offer(position, entry);
    });
    this.#receivedAt = undefined;
  }

  /** The client can take more again. */
  resume(): void {
    this.#follower.resume();
  }

  /** Something may have been missed: read the log. */
  refill(): void {
    // Before that there is no log, and its absence would look like a loss.
    if (this.#state === "queued" || this.#state === "streaming") this.#follower.refill();
  }

  /** The client is gone but may come back: the run goes on unread. */
  detach(): void {
    this.#answer = NO_READER;
    this.#clock.left();
    this.#follower.resume();
  }

  /** Follows the run no further, which goes on without this edge. */
  leave(): void {
    this.#state = "ended";
    this.#follower.close();
  }

  cancel(reason: CancelReason): void {
    this.#end({ type: "cancelled", reason });
  }

  /** The run could not be put on its queue. */
  submissionFailed(): void {
    this.#fail(failure("unavailable"));
  }

  /** Another run has its id, which goes on: nothing of this one is to be told to the cluster. */
  taken(): void {
    const message = "There is a run of that id already; resume it, or choose another id.";
    const refusal = failure("invalid_request", message);
    const terminal = { type: "failed", failure: refusal, timings: undefined } as const;
    this.#end(terminal, { isToldToCluster: false, refusal });
  }

  /** The edge stops before the run is over: who can come back finds it elsewhere. */
  abandon(): void {
    if (this.#answer.isResumable) this.leave();
    else this.#fail(failure("draining"));
  }

  /** Tells the client how many runs are in front. */
  tellQueued(position: number, waitMs: number): void {
    if (this.isQueued) this.#answer.onQueued(position, waitMs);
  }

  /** Called every half second: catches up after silence, ends what is overdue. */
  sweep(now: number): void {
    const overdue = this.#patience.overdue(now, {
      state: this.#state,
      answering: this.#answering ?? this.provider,
      isPaused: this.#follower.isPaused,
    });
    if (overdue) this.#fail(overdue);
    else if (this.#follower.behind || this.#patience.isSilent(now, this.#state)) {
      this.#patience.looked(now);
      this.refill();
    }
  }

  /**
   * Whether it is found only now to be past every bound: whatever should have ended it has not, itself
   * included. True at most once.
   */
  becameStuck(now: number): boolean {
    return this.#patience.becameStuck(now);
  }

  #deliver(position: Position, entry: Entry): boolean {
    const answer = this.#answer;
    this.#patience.delivered();
    if (isTerminal(entry)) {
      this.#end(entry, { position, isToldToCluster: false });
      return false;
    }
    if (entry.type === "moved") {
      this.#state = "queued";
      this.#patience.waits(entry.provider);
      this.#clock.moved(entry.provider);
      return true;
    }
    this.#state = "streaming";
    if (entry.type === "started") {
      this.#clock.started(entry.provider);
      this.#attempts += 1;
      this.#answering = entry.provider;
      this.#model = entry.model;
      answer.onStarted(position, entry);
      return true;
    }
    const outcome =
      entry.type === "tool_call"
        ? answer.onToolCall(position, entry)
        : answer.onDelta(position, entry);
    if (outcome === "interrupted") {
      this.cancel("interrupted");
      return false;
    }
    // A full socket may have been filled by reasoning, which is no text.
    if (outcome !== "held" && entry.type !== "reasoning") this.#clock.wrote(this.#receivedAt);
    if (entry.type === "text") this.#characters += entry.text.length;
    // A connection may be lost to what is written to it; in its place nobody reads, who takes everything.
    return outcome !== "full" || this.#answer !== answer;
  }

  #fail(reason: Failure): void {
    this.#end({ type: "failed", failure: reason, timings: undefined });
  }

  /** `position`: where the log has it; where it has not, it is this edge's to tell the cluster. */
  #end(
    terminal: TerminalEntry,
    {
      position,
      isToldToCluster = true,
      refusal,
    }: { position?: Position; isToldToCluster?: boolean; refusal?: Failure } = {},
  ): void {
    if (this.isEnded) return;
    this.#state = "ended";
    this.#terminal = terminal;
    this.#follower.close();
    const { runId, session, provider, chain, onEnded } = this.#options;
    const timings = terminal.type === "cancelled" ? undefined : terminal.timings;
    const phases = this.#clock.read(timings);
    const answer = this.#answer;
    let hasText = false;
    answer.batch(() => {
      hasText = answer.onTerminal(terminal, phases, position);
    });
    if (hasText) this.#clock.wrote(this.#receivedAt);
    onEnded({
      runId,
      session,
      provider,
      chain,
      answeredBy: this.#answering,
      model: this.#model,
      terminal,
      byEdge: isToldToCluster && this.#isOurs,
      ...(refusal && { refusal }),
      attempts: this.#attempts,
      characters: this.#characters,
      isStreamed: this.#options.answer.isStreamed,
      phases: hasText ? this.#clock.read(timings) : phases,
      // Of one that began elsewhere nobody here knows for how long it had its place.
      edgePhases: { ...this.#clock.readEdge(), ...(this.isResumed && { holds: [] }) },
    });
  }
}
