/**
 * A v2 conversation on one connection: many runs at once, each under its own id.
 */
import {
  type ChatMessage,
  type Failure,
  failure,
  parametersOf,
  parseV2Up,
  type V2Down,
  type V2Limits,
  type V2Up,
  v2Error,
} from "@openclaw/protocol";
import { isOutage, type Logger } from "@openclaw/runtime";
import { type RequestRefusal, withPlaceOf } from "../admission/provider-chain.ts";
import type { RunStarter } from "../admission/run-starter.ts";
import { V2Answer } from "../answers/v2-answer.ts";
import type { StartedRun } from "../runs/started-run.ts";
import type { Connection } from "../socket/connection.ts";
import type { Session, SessionContext } from "./session.ts";

export interface V2SessionOptions {
  readonly starter: RunStarter;
  readonly limits: V2Limits;
  /** How long a run waits for its client to come back. */
  readonly graceMs: number;
  /** Within this time a client of a draining edge should be elsewhere. */
  readonly reconnectWithinMs: number;
  readonly log: Logger;
}

type V2SessionContext = V2SessionOptions & SessionContext;

type Request<Type extends V2Up["type"]> = Extract<V2Up, { type: Type }>;
type NotResumable = NonNullable<Extract<V2Down, { type: "resumed" }>["reason"]>;

const TAKEN = "There is a run of that id already; `resume` it, or choose another `run`.";
/** Longer ago than this many others, the end of a run is no news to its client. */
const MOST_PAST = 64;

export class V2Session implements Session {
  readonly #connection: Connection;
  readonly #options: V2SessionContext;
  readonly #runs = new Map<string, StartedRun>();
  /**
   * Runs whose resumption is under way, and whether they are to be cancelled once it is done. Each
   * would be followed twice if it were asked for again.
   */
  readonly #resuming = new Map<string, { isCancelled: boolean }>();
  /**
   * Runs that have ended here, the latest last: a cancel may have crossed their end. None that was
   * refused: its id may be asked for again, or be that of a run which goes on.
   */
  readonly #past = new Set<string>();
  /** Runs that are cancelled without being read here. */
  readonly #cancelling = new Set<string>();

  constructor(connection: Connection, options: V2SessionContext) {
    this.#connection = connection;
    this.#options = options;
    connection.onDrain(() => {
      for (const run of this.#runs.values()) run.resume();
    });
    const { id, session } = connection;
    this.#send({ type: "ready", connection: id, session, limits: options.limits });
  }

  get isIdle(): boolean {
    return this.#runs.size + this.#resuming.size === 0;
  }

  onText(frame: string): void {
    const parsed = parseV2Up(frame, this.#options.limits);
    if (!parsed.ok) {
      this.#refuse(parsed.failure, parsed.ref);
      return;
    }
    const { up } = parsed;
    switch (up.type) {
      case "ping":
        this.#send({ type: "pong" });
        break;
      case "run":
        this.#run(up);
        break;
      case "cancel":
        this.#cancel(up);
        break;
      case "resume":
        void this.#resume(up);
        break;
    }
  }

  onBinary(): void {
    this.#refuse(failure("binary_frame"));
  }

  onClose(): void {
    const { starter, graceMs } = this.#options;
    for (const run of this.#runs.values()) starter.keepFor(run, graceMs);
    this.#runs.clear();
  }

  drain(): void {
    this.#send({ type: "draining", reconnectWithinMs: this.#options.reconnectWithinMs });
  }

  #run({ ref, run: chosen, message, messages, session, ...asked }: Request<"run">): void {
    const { starter } = this.#options;
    const provider = asked.provider ?? undefined;
    const wishes = parametersOf(asked.options);
    const own = this.#refusal(chosen);
    if (own) starter.refused(own);
    const conversation: readonly ChatMessage[] = messages ?? [
      { role: "user", content: message ?? "" },
    ];
    const refusal = own ?? this.#unheeded(starter.refusal(provider, wishes, conversation));
    if (refusal) {
      this.#refuse(refusal, ref);
      return;
    }
    const runId = chosen ?? starter.newRunId();
    const answer = this.#answer(runId, { ref, epoch: 0 });
    const run = starter.begin({
      runId,
      session: session ?? this.#connection.session,
      messages: conversation,
      provider,
      wishes,
      traceparent: this.#connection.traceparent,
      answer,
      onEnded: (run) => this.#ended(run, answer),
    });
    this.#runs.set(runId, run);
  }

  #cancel({ run: runId, session }: Request<"cancel">): void {
    const run = this.#runs.get(runId);
    const resuming = this.#resuming.get(runId);
    if (resuming) resuming.isCancelled = true;
    else if (run) run.cancel("client");
    else if (!this.#past.has(runId) && !this.#cancelling.has(runId)) {
      void this.#cancelElsewhere(runId, session ?? this.#connection.session);
    }
  }

  /** A client that came back may cancel what it has not resumed. */
  async #cancelElsewhere(run: string, session: string): Promise<void> {
    const { starter, log } = this.#options;
    this.#cancelling.add(run);
    try {
      const outcome = await starter.cancel(run, session);
      // Resumed in the meantime: who reads it tells its end.
      if (outcome === "cancelled" && !this.#knows(run)) {
        this.#send({ type: "cancelled", run });
        this.#remember(run);
      }
      // Without the run's id: to its client that would be the run's end, a second one perhaps.
      else if (outcome === "unknown") this.#refuse(failure("unknown_run"));
    } catch (error) {
      log.warn({ runId: run, err: error }, "run not cancelled");
      this.#send(v2Error(failure("unavailable"), {}));
    } finally {
      this.#cancelling.delete(run);
    }
  }

  async #resume({ run: runId, after, session }: Request<"resume">): Promise<void> {
    const { starter, log, graceMs } = this.#options;
    const refusal = this.#resumeRefusal(runId);
    if (refusal) {
      this.#notResumable(runId, refusal);
      return;
    }
    const earlier = this.#runs.get(runId);
    const resuming = { isCancelled: false };
    this.#resuming.set(runId, resuming);
    const answer = this.#answer(runId, after);
    try {
      const resumed = await starter.resume({
        runId,
        // A run that this connection began for another session is still its own to resume here.
        session: session ?? earlier?.session ?? this.#connection.session,
        after,
        answer,
        onResumed: (outcome) => {
          // Asked for again: the later reader takes the place of the earlier one.
          if (earlier) starter.replace(earlier, graceMs);
          this.#runs.delete(runId);
          this.#send({ type: "resumed", run: runId, outcome });
        },
        onEnded: (run) => this.#ended(run, answer),
      });
      // Only clients of other protocols know where a run ended, and nothing is behind that.
      if (resumed === "nothing_left") this.#notResumable(runId, "unknown_position");
      else if (resumed === "ahead") this.#notResumable(runId, "unavailable");
      else if (typeof resumed === "string") this.#notResumable(runId, resumed);
      else if (!this.#connection.isOpen) starter.keepFor(resumed, graceMs);
      else if (!resumed.isEnded) this.#runs.set(runId, resumed);
    } catch (error) {
      const isAway = isOutage(error);
      log[isAway ? "warn" : "error"]({ runId, err: error }, "run not resumed");
      // What cannot be read now cannot be read later either.
      this.#notResumable(runId, isAway ? "unavailable" : "unknown_run");
    } finally {
      this.#resuming.delete(runId);
      if (resuming.isCancelled) this.#cancel({ type: "cancel", run: runId });
      this.#noteIdle();
    }
  }

  /** Why a run cannot be resumed right now, whatever run it is. */
  #resumeRefusal(runId: string): NotResumable | undefined {
    if (this.#resuming.has(runId)) return "already_resuming";
    if (!this.#runs.has(runId) && this.#isFull) return "too_many_runs";
    const code = this.#options.starter.refusal(undefined)?.code;
    // Of what a request may be refused for, a resume knows the state of the edge alone.
    return code === "draining" || code === "overloaded" || code === undefined
      ? code
      : "unavailable";
  }

  /** Says nothing about the run itself, which may well go on: so no `error` of the run. */
  #notResumable(run: string, reason: NotResumable): void {
    this.#send({ type: "resumed", run, outcome: "not_resumable", reason });
  }

  #knows(runId: string): boolean {
    return this.#runs.has(runId) || this.#resuming.has(runId) || this.#past.has(runId);
  }

  get #isFull(): boolean {
    return this.#runs.size + this.#resuming.size >= this.#options.limits.maxRuns;
  }

  /** @param runId the client's own choice, if it made one */
  #refusal(runId: string | undefined): Failure | undefined {
    if (runId !== undefined && this.#knows(runId)) return failure("invalid_request", TAKEN);
    return this.#isFull ? failure("too_many_runs") : undefined;
  }

  #refuse(reason: Failure, ref?: string): void {
    if (this.#options.mayRefuse(reason)) this.#send(v2Error(reason, { ref }));
  }

  /** Here all that a run may wish for is one of its options. */
  #unheeded(refusal: RequestRefusal | undefined): Failure | undefined {
    return refusal && withPlaceOf(refusal, (field) => `options.${field}`);
  }

  #answer(run: string, { ref, epoch }: { ref?: string; epoch: number }): V2Answer {
    return new V2Answer({
      run,
      ...(ref !== undefined && { ref }),
      epoch,
      send: (frame) => this.#send(frame),
      batch: (write) => this.#connection.cork(write),
    });
  }

  #ended(run: StartedRun, { isKnown }: V2Answer): void {
    const { runId } = run;
    // Another reader may have taken its place.
    if (this.#runs.get(runId) === run) this.#runs.delete(runId);
    if (isKnown) this.#remember(runId);
    this.#noteIdle();
  }

  #remember(runId: string): void {
    this.#past.add(runId);
    const [oldest] = this.#past;
    if (this.#past.size > MOST_PAST && oldest !== undefined) this.#past.delete(oldest);
  }

  #noteIdle(): void {
    if (this.isIdle) this.#options.onIdle();
  }

  #send(frame: V2Down): boolean {
    return this.#connection.send(JSON.stringify(frame));
  }
}
