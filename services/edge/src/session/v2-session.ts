/**
 * A v2 conversation on one connection: many runs at once, each under its own id.
 */
import {
  type Failure,
  failure,
  parseV2Up,
  type V2Down,
  type V2Limits,
  type V2Up,
  v2Error,
} from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import type { RunStarter, StartedRun } from "../inbound/run-starter.ts";
import { V2Answer } from "../outbound/v2-answer.ts";
import type { Connection } from "../socket/connection.ts";
import type { Session } from "./session.ts";

export interface V2SessionOptions {
  readonly starter: RunStarter;
  readonly limits: V2Limits;
  /** How long a run waits for its client to come back. */
  readonly graceMs: number;
  /** Within this time a client of a draining edge should be elsewhere. */
  readonly reconnectWithinMs: number;
  readonly log: Logger;
}

interface V2SessionContext extends V2SessionOptions {
  /** The last open run is over. */
  readonly onIdle: () => void;
}

type Request<Type extends V2Up["type"]> = Extract<V2Up, { type: Type }>;

export class V2Session implements Session {
  readonly #connection: Connection;
  readonly #options: V2SessionContext;
  readonly #runs = new Map<string, StartedRun>();
  /** Runs whose resumption is under way; each would be followed twice if it were asked for again. */
  readonly #resuming = new Set<string>();

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
      this.#send(v2Error(parsed.failure, { ref: parsed.ref }));
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
    this.#send(v2Error(failure("binary_frame")));
  }

  onClose(): void {
    const { starter, graceMs } = this.#options;
    for (const run of this.#runs.values()) starter.keepFor(run, graceMs);
    this.#runs.clear();
  }

  drain(): void {
    this.#send({ type: "draining", reconnectWithinMs: this.#options.reconnectWithinMs });
  }

  #run({ ref, message, messages, provider, options, session }: Request<"run">): void {
    const { starter } = this.#options;
    const refusal = this.#refusal() ?? starter.refusal(provider, options);
    if (refusal) {
      this.#send(v2Error(refusal, { ref }));
      return;
    }
    const runId = starter.newRunId();
    const run = starter.begin({
      runId,
      session: session ?? this.#connection.session,
      messages: messages ?? [{ role: "user", content: message ?? "" }],
      provider,
      options,
      answer: this.#answer(runId, { ref, epoch: 0 }),
      onEnded: () => this.#ended(runId),
    });
    this.#runs.set(runId, run);
  }

  #cancel({ run: runId }: Request<"cancel">): void {
    const run = this.#runs.get(runId);
    if (run) run.cancel("client");
    else this.#send(v2Error(failure("unknown_run"), { run: runId }));
  }

  async #resume({ run: runId, after }: Request<"resume">): Promise<void> {
    const { starter, log } = this.#options;
    if (this.#resuming.has(runId)) {
      const reason = "already_resuming";
      this.#send({ type: "resumed", run: runId, outcome: "not_resumable", reason });
      return;
    }
    const refusal = this.#refusal() ?? starter.refusal(undefined);
    if (refusal) {
      this.#send(v2Error(refusal, { run: runId }));
      return;
    }
    // Asked for again: the later reader takes the place of the earlier one.
    const earlier = this.#runs.get(runId);
    if (earlier) starter.keepFor(earlier, this.#options.graceMs);
    this.#runs.delete(runId);
    this.#resuming.add(runId);
    try {
      const resumed = await starter.resume({
        runId,
        // A run that this connection began for another session is still its own to resume here.
        session: earlier?.session ?? this.#connection.session,
        after,
        answer: this.#answer(runId, after),
        onResumed: (outcome) => this.#send({ type: "resumed", run: runId, outcome }),
        onEnded: () => this.#ended(runId),
      });
      if (typeof resumed === "string") {
        this.#send({ type: "resumed", run: runId, outcome: "not_resumable", reason: resumed });
      } else if (!this.#connection.isOpen) starter.keepFor(resumed, this.#options.graceMs);
      else if (!resumed.isEnded) this.#runs.set(runId, resumed);
    } catch (error) {
      log.warn({ runId, err: error }, "run not resumed");
      this.#send(v2Error(failure("unavailable"), { run: runId }));
    } finally {
      this.#resuming.delete(runId);
      this.#noteIdle();
    }
  }

  #refusal(): Failure | undefined {
    const open = this.#runs.size + this.#resuming.size;
    return open >= this.#options.limits.maxRuns ? failure("too_many_runs") : undefined;
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

  #ended(runId: string): void {
    this.#runs.delete(runId);
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (this.isIdle) setImmediate(() => this.isIdle && this.#options.onIdle());
  }

  #send(frame: V2Down): boolean {
    return this.#connection.send(JSON.stringify(frame));
  }
}
