/**
 * Takes a user's request onto the cluster: admits or refuses it at once, makes the run known to
 * Redis and its queue, and tells the cluster when this edge ends a run itself.
 */
import { randomUUID } from "node:crypto";
import type { GatewayConfigSource, RequestParameters } from "@openclaw/config";
import { type ConversationMessage, type Failure, failure } from "@openclaw/protocol";
import type { RunQueues } from "@openclaw/queue";
import { type Component, type Logger, retryFor } from "@openclaw/runtime";
import type { RunRecords, TerminalEntry } from "@openclaw/stream";
import pLimit from "p-limit";
import { type EndedRun, LiveRun } from "../runs/live-run.ts";
import type { LiveRuns } from "../runs/live-runs.ts";
import { RunAnnouncer } from "../runs/run-announcer.ts";
import { deadlinesOf } from "../runs/run-deadlines.ts";
import { RunReaders } from "../runs/run-readers.ts";
import type { RunDeadlines } from "../runs/run-timeouts.ts";
import type { ResumeRefusal, ResumeRequest, RunRequest, StartedRun } from "../runs/started-run.ts";
import { SUBMIT_WITHIN_MS, submitRun } from "../runs/submit-run.ts";
import { watchRun } from "../runs/watch-run.ts";
import { logEnded } from "../telemetry/ended-run-log.ts";
import type { RunMeter } from "../telemetry/run-meter.ts";
import type { RunStats } from "../telemetry/run-stats.ts";
import type { RunTraces } from "../telemetry/run-traces.ts";
import type { SessionHash } from "../telemetry/session-hash.ts";
import type { Reservation } from "./byte-budget.ts";
import { leastTokensOf } from "./least-tokens.ts";
import { promptBytes } from "./prompt-bytes.ts";
import type { PromptRoom } from "./prompt-room.ts";
import { chainOf, chainRefusal, type RequestRefusal, withFallback } from "./provider-chain.ts";
import type { ProviderChoice } from "./provider-choice.ts";

const READS_AT_ONCE = 16;
const BY_POSITION: ReadonlySet<ResumeRefusal> = new Set([
  "unknown_position",
  "ahead",
  "nothing_left",
]);
const OVERDUE = {
  type: "failed",
  failure: failure("run_timeout"),
  timings: undefined,
} as const satisfies TerminalEntry;

export interface RunStarterOptions {
  readonly node: string;
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly records: RunRecords;
  readonly queues: RunQueues;
  readonly runs: LiveRuns;
  readonly stats: RunStats;
  readonly meter?: Omit<RunMeter, "stuck">;
  readonly traces?: RunTraces;
  readonly log: Logger;
  /** How logs name a session. */
  readonly sessionHash: SessionHash;
  /** Who answers, where a group is asked. */
  readonly choice: Pick<ProviderChoice, "order">;
  readonly maxRuns: number;
  /** Room for prompts; there is always some where it is not given. */
  readonly prompts?: Pick<PromptRoom, "refusal" | "hold" | "holdWaiting">;
  readonly queueTimeoutMs: number;
  /** Whether Redis takes what is written now, and what is published reaches this edge. */
  readonly isRedisWell: () => boolean;
  /** Whether another node can still read a run that it watches. Where that is not known, it can. */
  readonly isAlive: (node: string) => boolean;
}

/** A run on its way: where it goes, and how much there is to it. */
interface BegunRun {
  readonly runId: string;
  readonly chain: readonly string[];
  readonly provider: string;
  readonly bytes: number;
}

export class RunStarter implements Component {
  readonly name = "run starter";
  readonly #options: RunStarterOptions;
  readonly #announcer: RunAnnouncer;
  readonly #readers: RunReaders;
  readonly #read: RunRecords["read"];
  readonly #onGap = () => this.#options.meter?.gap();
  readonly #onUnreadable = (runId: string) => (err: unknown) =>
    this.#options.log.error({ runId, err }, "run cannot be read");
  #draining = false;

  constructor(options: RunStarterOptions) {
    this.#options = options;
    this.#readers = new RunReaders({
      ...options,
      onAbandoned: ({ runId, chain }) =>
        this.#announcer.announce({
          runId,
          chain,
          terminal: { type: "cancelled", reason: "disconnected" },
        }),
    });
    this.#announcer = new RunAnnouncer({ ...options, readers: this.#readers });
    // After an outage every run reads its log; all at once they would miss their own deadlines.
    const limit = pLimit(READS_AT_ONCE);
    this.#read = (...page) => limit(() => options.records.read(...page));
  }

  async start(): Promise<void> {
    // Nothing to prepare.
  }

  /** From now on every request is refused as `draining`. */
  async drain(): Promise<void> {
    this.#draining = true;
  }

  /** Waits until the cluster knows of the runs that were ended here. */
  async stop(): Promise<void> {
    this.#options.traces?.leave();
    await this.#announcer.settled();
  }

  /** Why a request for this provider, with these wishes, is refused right now. Counts it if so. */
  refusal(
    provider: string | undefined,
    wishes: RequestParameters = {},
    messages?: readonly ConversationMessage[],
  ): RequestRefusal | undefined {
    const refusal =
      this.#refusal(provider, wishes) ??
      (messages && this.#options.prompts?.refusal(promptBytes({ messages, wishes })));
    if (refusal) this.refused(refusal);
    return refusal;
  }

  /**
   * Holds the bytes of a request that waits for its turn, until they are released. A failure where there is no room;
   * undefined where nothing bounds them.
   */
  holdWaiting(messages: readonly ConversationMessage[]): Reservation | Failure | undefined {
    return this.#options.prompts?.holdWaiting(promptBytes({ messages }));
  }

  /** Counts a refusal that was its caller's to decide. */
  refused({ code }: Failure): void {
    this.#options.meter?.refused(code);
  }

  #refusal(provider: string | undefined, wishes: RequestParameters): RequestRefusal | undefined {
    const { runs, maxRuns, isRedisWell } = this.#options;
    const gateway = this.#options.gateway.current;
    const refusal = chainRefusal(provider ?? gateway.defaultProvider, wishes, gateway);
    if (refusal) return refusal;
    if (this.#draining) return failure("draining");
    if (!isRedisWell()) return failure("unavailable");
    if (runs.count >= maxRuns) {
      return failure(
        "overloaded",
        `This server has ${maxRuns} runs open, its limit. Try again shortly.`,
      );
    }
    return undefined;
  }

  newRunId(): string {
    return randomUUID();
  }

  /** Starts a run that was not refused. Its answer hears of everything, failures included. */
  begin(request: RunRequest): StartedRun {
    const gateway = this.#options.gateway.current;
    const { messages, wishes = {}, background, session } = request;
    const { choice } = this.#options;
    const asked = request.provider ?? gateway.defaultProvider;
    const leastTokens = leastTokensOf({ messages, options: wishes.options });
    const chain = chainOf(asked, wishes, { gateway, choice, leastTokens });
    // One that was not refused has somebody to answer it.
    const [provider = "", ...fallback] = chain;
    const runId = request.runId ?? this.newRunId();
    const bytes = promptBytes({ messages, wishes });
    const { run, traceparent } = this.#open(request, { runId, chain, provider, bytes });
    const job = {
      runId,
      session,
      provider,
      messages: [...messages],
      ...wishes,
      background,
      fallback,
      traceparent,
    };
    const { totalMs } = this.#deadlines(chain);
    const held = this.#options.prompts?.hold(bytes);
    const submitting = submitRun(
      run,
      { job, totalMs },
      {
        ...this.#options,
        announcer: this.#announcer,
        cancel: (earlier, owner) => this.cancel(earlier, owner),
      },
    );
    void submitting.finally(() => held?.release());
    return run;
  }

  /** Nothing that lives as long as the run may know its prompt, which is let go as soon as it is on its queue. */
  #open(
    { session, answer, background, onEnded, traceparent: parent }: RunRequest,
    { runId, chain, provider, bytes }: BegunRun,
  ): { readonly run: LiveRun; readonly traceparent: string | undefined } {
    const { runs } = this.#options;
    const trace = this.#options.traces?.begin({ runId, provider, parent });
    const run = new LiveRun({
      runId,
      session,
      provider,
      chain,
      promptBytes: bytes,
      answer,
      read: this.#read,
      isOffered: (id) => this.#isOffered(id, chain),
      deadlines: this.#deadlines(chain),
      onGap: this.#onGap,
      onUnreadable: this.#onUnreadable(runId),
      isBackground: background === true,
      onEnded: (ended) => {
        runs.remove(run);
        trace?.ended(ended);
        if (ended.refusal) this.refused(ended.refusal);
        else this.#count(ended);
        onEnded(run);
      },
    });
    runs.add(run);
    return { run, traceparent: trace?.traceparent };
  }

  /** Whether a worker will be offered the run, or has been: by its own job, or by that of the hedge that won it. */
  async #isOffered(runId: string, chain: readonly string[]): Promise<boolean> {
    const { queues, records } = this.#options;
    if (await queues.holds(chain, { runId })) return true;
    const hedges = await records.hedgedOf(runId);
    return hedges !== undefined && queues.holds(chain, { runId, hedges });
  }

  /**
   * Follows a run for a client that came back, on whichever edge it was before. Nothing is missed:
   * this edge watches first, then reads the log, and live entries wait until that is delivered.
   *
   * @throws what Redis throws
   */
  async resume(request: ResumeRequest): Promise<StartedRun | ResumeRefusal> {
    const { runId } = request;
    const resumed = this.#readers.hasRoom(runId)
      ? await this.#readers.whileReturning(runId, () => this.#follow(request))
      : "too_many_readers";
    if (typeof resumed === "string") this.#options.meter?.resumed(resumed);
    // By then this edge was made to hear of it.
    if (typeof resumed === "string" && BY_POSITION.has(resumed)) this.unread(runId);
    return resumed;
  }

  async #follow(request: ResumeRequest): Promise<StartedRun | ResumeRefusal> {
    const { runs } = this.#options;
    const { runId, after, answer, onResumed, onEnded } = request;
    const watched = await watchRun(request, { ...this.#options, readers: this.#readers });
    if (typeof watched === "string") return watched;
    const { provider, session, isOver, dueInMs, leftMs, waitedMs } = watched;
    const chain = withFallback(provider, this.#options.gateway.current);
    const run = new LiveRun({
      runId,
      session,
      provider,
      chain,
      resumed: { after, waitedMs },
      answer,
      read: this.#read,
      isOffered: (id) => this.#isOffered(id, chain),
      // However often readers come and go, a run ends when it was to end.
      deadlines: this.#deadlines(chain, isOver ? undefined : leftMs),
      onGap: this.#onGap,
      onUnreadable: this.#onUnreadable(runId),
      isBackground: dueInMs !== undefined,
      onEnded: (ended) => {
        runs.remove(run);
        // The edge where it began counts it.
        this.#report(ended, "resumed run finished");
        onEnded(run);
      },
    });
    const outcome = isOver ? "complete" : "replayed";
    this.#options.meter?.resumed(outcome);
    onResumed(outcome);
    runs.add(run);
    run.refill();
    return run;
  }

  /**
   * Cancels a run that is not read on the client's connection: one of this session, or any where none is
   * given.
   *
   * @throws what Redis throws
   */
  async cancel(runId: string, session?: string): Promise<"cancelled" | "ended" | "unknown"> {
    const { records } = this.#options;
    const cancelled = await retryFor(() => records.cancel(runId, session), SUBMIT_WITHIN_MS);
    if (cancelled === "unknown") return "unknown";
    if (cancelled === "already") return "ended";
    // The log knows already; what is left is its place on a queue.
    const chain = withFallback(cancelled.provider, this.#options.gateway.current);
    this.#announcer.clear({ runId, chain });
    return "cancelled";
  }

  /**
   * Ends a run that should have ended by now: the edge that was to see to that is gone, and so is whoever
   * was to work on it.
   *
   * @throws what Redis throws
   */
  async endOverdue(runId: string, provider: string): Promise<void> {
    const chain = withFallback(provider, this.#options.gateway.current);
    await retryFor(() => this.#options.records.end(runId, OVERDUE), SUBMIT_WITHIN_MS);
    this.#announcer.clear({ runId, chain });
  }

  /** Gives a client `graceMs` to come back for a run, here or elsewhere, before it is cancelled. */
  keepFor(run: StartedRun, graceMs: number): void {
    run.detach();
    // Only runs of this class are handed out.
    this.#readers.keepFor(run as LiveRun, graceMs);
  }

  /** Another reader of the same client takes the place of this one, which is left as `keepFor` does. */
  replace(run: StartedRun, graceMs: number): void {
    // Only runs of this class are handed out. The one that began the run is followed to its end, to be
    // counted; of those that came later there may be any number.
    const reader = run as LiveRun;
    if (reader.isResumed) this.#readers.replace(reader);
    else this.keepFor(reader, graceMs);
  }

  /** A run is published to this edge though nobody here follows it. */
  unread(runId: string): void {
    this.#readers.unread(runId);
  }

  #deadlines(chain: readonly string[], leftMs?: number): RunDeadlines {
    const { gateway, queueTimeoutMs } = this.#options;
    return deadlinesOf(chain, { ...gateway.current, queueTimeoutMs, leftMs });
  }

  #count(ended: EndedRun): void {
    this.#options.stats.record(ended);
    this.#options.meter?.ended(ended);
    this.#report(ended, "run finished");
  }

  #report(ended: EndedRun, message: "run finished" | "resumed run finished"): void {
    logEnded(ended, { ...this.#options, message });
    if (ended.byEdge) this.#announcer.announce(ended);
  }
}
