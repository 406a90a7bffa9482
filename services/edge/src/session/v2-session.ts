/**
 * A v2 conversation on one connection: many runs at once, each under its own id.
 */
import { randomUUID } from "node:crypto";
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
import type { RunAdmission } from "../admission/run-admission.ts";
import type { RunStarter } from "../admission/run-starter.ts";
import { V2Answer } from "../answers/v2-answer.ts";
import type { LiveRun } from "../runs/live-run.ts";
import type { RunEnder } from "../runs/run-ender.ts";
import type { RunReaders } from "../runs/run-readers.ts";
import type { RunResumer } from "../runs/run-resumer.ts";
import type { Connection } from "../socket/connection.ts";
import { ConnectionRuns } from "./connection-runs.ts";
import type { Session, SessionContext } from "./session.ts";

export interface V2SessionOptions {
  readonly admission: Pick<RunAdmission, "refusal" | "refused">;
  readonly starter: Pick<RunStarter, "begin">;
  readonly resumer: Pick<RunResumer, "resume">;
  readonly ender: Pick<RunEnder, "cancel">;
  readonly readers: Pick<RunReaders, "keepFor" | "replace">;
  readonly limits: V2Limits;
  /** How long a run waits for its client to come back. */
  readonly graceMs: number;
  /** Within this time, a client of a draining edge should have reconnected to another. */
  readonly reconnectWithinMs: number;
  readonly log: Logger;
}

type V2SessionContext = V2SessionOptions & SessionContext;

type Request<Type extends V2Up["type"]> = Extract<V2Up, { type: Type }>;
type NotResumable = NonNullable<Extract<V2Down, { type: "resumed" }>["reason"]>;

const TAKEN = "There is a run of that id already; `resume` it, or choose another `run`.";

export class V2Session implements Session {
  readonly #connection: Connection;
  readonly #options: V2SessionContext;
  readonly #runs = new ConnectionRuns();
  /** Runs that this client cancels without reading them here. */
  readonly #cancelling = new Set<string>();

  constructor(connection: Connection, options: V2SessionContext) {
    this.#connection = connection;
    this.#options = options;
    connection.onDrain(() => {
      for (const run of this.#runs.open) run.resume();
    });
    const { id, session } = connection;
    this.#send({ type: "ready", connection: id, session, limits: options.limits });
  }

  get isIdle(): boolean {
    return this.#runs.count === 0;
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
    const { readers, graceMs } = this.#options;
    for (const run of this.#runs.open) readers.keepFor(run, graceMs);
    this.#runs.clear();
  }

  drain(): void {
    this.#send({ type: "draining", reconnectWithinMs: this.#options.reconnectWithinMs });
  }

  #run({ ref, run: chosen, message, messages, session, ...asked }: Request<"run">): void {
    const { admission, starter } = this.#options;
    const provider = asked.provider ?? undefined;
    const parameters = parametersOf(asked.options);
    const own = this.#refusal(chosen);
    if (own) admission.refused(own);
    const conversation: readonly ChatMessage[] = messages ?? [
      { role: "user", content: message ?? "" },
    ];
    const refusal = own ?? this.#unheeded(admission.refusal(provider, parameters, conversation));
    if (refusal) {
      this.#refuse(refusal, ref);
      return;
    }
    const runId = chosen ?? randomUUID();
    const answer = this.#answer(runId, { ref, epoch: 0 });
    const run = starter.begin({
      runId,
      session: session ?? this.#connection.session,
      messages: conversation,
      provider,
      parameters,
      traceparent: this.#connection.traceparent,
      answer,
      onEnded: (run) => this.#ended(run, answer),
    });
    this.#runs.add(run);
  }

  #cancel({ run: runId, session }: Request<"cancel">): void {
    const run = this.#runs.find(runId);
    const resumption = this.#runs.resumption(runId);
    if (resumption) resumption.isCancelled = true;
    else if (run) run.cancel("client");
    else if (!this.#runs.hasEnded(runId) && !this.#cancelling.has(runId)) {
      void this.#cancelElsewhere(runId, session ?? this.#connection.session);
    }
  }

  /** A client that came back may cancel a run that it has not resumed. */
  async #cancelElsewhere(run: string, session: string): Promise<void> {
    const { ender, log } = this.#options;
    this.#cancelling.add(run);
    try {
      const outcome = await ender.cancel(run, session);
      // If the run was resumed meanwhile, its reader tells its end.
      if (outcome === "cancelled" && !this.#runs.knows(run)) {
        this.#send({ type: "cancelled", run });
        this.#runs.remember(run);
      }
      // Without the id of the run: the client would take an error with that id for the end of the run, perhaps a
      // second end.
      else if (outcome === "unknown") this.#refuse(failure("unknown_run"));
    } catch (error) {
      log.warn({ runId: run, err: error }, "run not cancelled");
      this.#send(v2Error(failure("unavailable"), {}));
    } finally {
      this.#cancelling.delete(run);
    }
  }

  async #resume(request: Request<"resume">): Promise<void> {
    const { log } = this.#options;
    const { run: runId } = request;
    const refusal = this.#resumeRefusal(runId);
    if (refusal) {
      this.#notResumable(runId, refusal);
      return;
    }
    const resumption = this.#runs.beginResuming(runId);
    try {
      await this.#follow(request);
    } catch (error) {
      const isAway = isOutage(error);
      log[isAway ? "warn" : "error"]({ runId, err: error }, "run not resumed");
      // A record that cannot be read now cannot be read later either.
      this.#notResumable(runId, isAway ? "unavailable" : "unknown_run");
    } finally {
      this.#runs.endResuming(runId);
      if (resumption.isCancelled) this.#cancel({ type: "cancel", run: runId });
      this.#noteIdle();
    }
  }

  /** @throws what Redis throws */
  async #follow({ run: runId, after, session }: Request<"resume">): Promise<void> {
    const { resumer, readers, graceMs } = this.#options;
    const earlier = this.#runs.find(runId);
    const answer = this.#answer(runId, after);
    const resumed = await resumer.resume({
      runId,
      // A run that this connection began for another session can still be resumed here.
      session: session ?? earlier?.session ?? this.#connection.session,
      after,
      answer,
      onResumed: (outcome) => {
        // The client repeats its resume: the later reader takes the place of the earlier one.
        if (earlier) readers.replace(earlier, graceMs);
        this.#runs.remove(runId);
        this.#send({ type: "resumed", run: runId, outcome });
      },
      onEnded: (run) => this.#ended(run, answer),
    });
    // Only clients of other protocols know the position of a run's end. Nothing comes behind it.
    if (resumed === "nothing_left") this.#notResumable(runId, "unknown_position");
    else if (resumed === "ahead") this.#notResumable(runId, "unavailable");
    else if (typeof resumed === "string") this.#notResumable(runId, resumed);
    else if (!this.#connection.isOpen) readers.keepFor(resumed, graceMs);
    else if (!resumed.isEnded) this.#runs.add(resumed);
  }

  /** Why a run cannot be resumed right now, whatever run it is. */
  #resumeRefusal(runId: string): NotResumable | undefined {
    if (this.#runs.resumption(runId)) return "already_resuming";
    if (!this.#runs.find(runId) && this.#isFull) return "too_many_runs";
    const code = this.#options.admission.refusal(undefined)?.code;
    // Of all refusals, only the state of the edge concerns a resume.
    return code === "draining" || code === "overloaded" || code === undefined
      ? code
      : "unavailable";
  }

  /** The run itself may go on, so this is not an `error` of the run. */
  #notResumable(run: string, reason: NotResumable): void {
    this.#send({ type: "resumed", run, outcome: "not_resumable", reason });
  }

  get #isFull(): boolean {
    return this.#runs.count >= this.#options.limits.maxRuns;
  }

  /** @param runId the id that the client chose, if it chose one */
  #refusal(runId: string | undefined): Failure | undefined {
    if (runId !== undefined && this.#runs.knows(runId)) return failure("invalid_request", TAKEN);
    return this.#isFull ? failure("too_many_runs") : undefined;
  }

  #refuse(reason: Failure, ref?: string): void {
    if (this.#options.mayRefuse(reason)) this.#send(v2Error(reason, { ref }));
  }

  /** In this protocol every wish is a field of `options`. */
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

  #ended(run: LiveRun, { isKnown }: V2Answer): void {
    this.#runs.ended(run, isKnown);
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (this.isIdle) this.#options.onIdle();
  }

  #send(frame: V2Down): boolean {
    return this.#connection.send(JSON.stringify(frame));
  }
}
