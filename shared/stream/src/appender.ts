/**
 * Many attempts, one stream of append calls.
 *
 * A call per chunk would spend a round trip and a script run on a few bytes, thousands of times a second. A timer
 * that collects chunks would delay the only user of an idle system. So calls clock themselves: while a call is in
 * flight, chunks gather in their writers, and the next call takes them. On an idle system a chunk does not wait; on a
 * busy one a call carries many.
 *
 * A call whose answer is lost is repeated as it was. The script recognises what it already has by
 * position, so nothing is lost and nothing is written twice.
 */
import { backOffMs, isOutage, isStateOfRedis, type RedisClient, sleep } from "@openclaw/runtime";
import type { StreamKeys } from "./keys.ts";
import { LARGEST_ENTRY_BYTES } from "./pieces.ts";
import { PublishBudget } from "./publish-budget.ts";
import { DEFAULT_RETENTION, type Retention } from "./retention.ts";
import type { AppendOutcome, RunAnswer, RunBatch } from "./run-batch.ts";
import { type OnLost, RunWriter } from "./run-writer.ts";
import { Script, type ScriptArgument } from "./script.ts";

/** Most runs, and most entries of one run, in one call: bounds how long a call holds Redis. */
const MAX_RUNS_PER_CALL = 128;
const MAX_ENTRIES_PER_RUN = 32;
/** Most bytes of one call, and of one run in it: bounds how long the others wait for the next. */
const MAX_BYTES_PER_CALL = 4 * 1024 * 1024;
const MAX_BYTES_PER_RUN = 128 * 1024;
/** Of the runs of a call, so many are kept for those that have much to say where small ones fill it. */
const KEPT_FOR_LARGE = 32;
/** How many writers are looked at for one call, where they are enough to fill it. */
const MOST_LOOKED_AT = 512;
/** A silent writer asks this often whether the run is still its own. */
const TOUCH_INTERVAL_MS = 1_000;
const BACK_OFF = { firstMs: 25, mostMs: 500 };

export interface AppenderOptions {
  readonly retention?: Retention;
  /** Most payload bytes of one run's log. */
  readonly maxLogBytes?: number;
  /** How long a failing call is repeated before its runs are given up as `unavailable`. */
  readonly giveUpMs?: number;
  /** How long a run may be without a listener before it is given up as `orphaned`. Runs in the background are not. */
  readonly orphanGraceMs?: number;
  /** Told of each call that was answered. */
  readonly onCall?: (call: AnsweredCall) => void;
}

export interface AnsweredCall {
  readonly durationMs: number;
  /** Over all its runs; 0 where it only asked whether they are still their writers' own. */
  readonly entries: number;
  /** Of their payloads as they are published, or would be. */
  readonly bytes: number;
  /** Of these, the ones that were refused because another attempt holds their run. */
  readonly fenced: number;
}

export interface OpenedRun {
  readonly runId: string;
  readonly epoch: number;
  /** The run goes on without a listener: its log will be read later. */
  readonly goesOnUnread?: boolean | undefined;
  /** See `RunWriterOptions`. */
  readonly onLost: OnLost;
}

/** What is appended of one run. */
interface RunPart {
  readonly writer: RunWriter;
  readonly batch: RunBatch;
}

interface Call {
  readonly partition: number;
  readonly parts: readonly RunPart[];
}

/** In the place of a number of listeners: see `append.lua`. */
const UNKNOWN = -1;

export class Appender {
  static readonly #append = new Script("append");

  readonly name = "appender";
  readonly #redis: RedisClient;
  readonly #keys: StreamKeys;
  readonly #maxLogBytes: number;
  readonly #resumeWindowMs: number;
  readonly #giveUpMs: number;
  readonly #orphanGraceMs: number;
  readonly #onCall: ((call: AnsweredCall) => void) | undefined;
  readonly #writers = new Set<RunWriter>();
  /** Writers with something to take, per partition; a script call cannot span two. */
  readonly #due: readonly Set<RunWriter>[];
  readonly #busy: boolean[];
  readonly #budget = new PublishBudget();
  readonly #isPublished = (bytes: number) => this.#budget.take(bytes);
  readonly #stopped = new AbortController();
  #touching: NodeJS.Timeout | undefined;

  constructor(redis: RedisClient, keys: StreamKeys, options: AppenderOptions = {}) {
    this.#redis = redis;
    this.#keys = keys;
    this.#maxLogBytes = options.maxLogBytes ?? 4 * 1024 * 1024;
    this.#resumeWindowMs = (options.retention ?? DEFAULT_RETENTION).resumeWindowMs;
    this.#giveUpMs = options.giveUpMs ?? 15_000;
    this.#orphanGraceMs = options.orphanGraceMs ?? 10_000;
    this.#onCall = options.onCall;
    this.#due = Array.from({ length: keys.partitions }, () => new Set<RunWriter>());
    this.#busy = Array.from({ length: keys.partitions }, () => false);
  }

  async start(): Promise<void> {
    this.#touching = setInterval(() => this.#touchAll(), TOUCH_INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#touching);
    this.#stopped.abort();
  }

  /**
   * Opens the pen of an attempt that was claimed as `epoch`. Close it when the attempt is over,
   * however it ended.
   */
  open({ goesOnUnread = false, ...run }: OpenedRun): RunWriter {
    const writer = new RunWriter({
      ...run,
      orphanGraceMs: goesOnUnread ? Number.POSITIVE_INFINITY : this.#orphanGraceMs,
      onPending: (pending) => this.#mark(pending),
    });
    this.#writers.add(writer);
    return writer;
  }

  close(writer: RunWriter): void {
    this.#writers.delete(writer);
    this.#due[this.#keys.partitionOf(writer.runId)]?.delete(writer);
  }

  #mark(writer: RunWriter): void {
    const partition = this.#keys.partitionOf(writer.runId);
    this.#due[partition]?.add(writer);
    this.#kick(partition);
  }

  /** Asks for the silent ones too: a cancelled run must be noticed while its provider says nothing. */
  #touchAll(): void {
    for (const writer of this.#writers) {
      if (!writer.lost) this.#mark(writer);
    }
  }

  #kick(partition: number): void {
    if (this.#busy[partition]) return;
    this.#busy[partition] = true;
    // After the current round of socket reads: what arrived together goes together.
    setImmediate(() => void this.#work(partition));
  }

  async #work(partition: number): Promise<void> {
    for (let call = this.#nextCall(partition); call; call = this.#nextCall(partition)) {
      const answers = await this.#send(call);
      call.parts.forEach(({ writer, batch }, index) => {
        const answer = answers[index];
        if (answer) writer.settle(batch, answer);
      });
    }
    this.#busy[partition] = false;
  }

  #nextCall(partition: number): Call | undefined {
    const due = this.#due[partition];
    if (!due || due.size === 0) return undefined;
    const parts: RunPart[] = [];
    let bytes = 0;
    for (const writer of inTurn(due)) {
      if (bytes + LARGEST_ENTRY_BYTES > MAX_BYTES_PER_CALL) break;
      const room = Math.min(MAX_BYTES_PER_RUN, MAX_BYTES_PER_CALL - bytes);
      const most = { entries: MAX_ENTRIES_PER_RUN, bytes: room };
      const batch = writer.take({ ...most, isPublished: this.#isPublished });
      parts.push({ writer, batch });
      bytes += batch.bytes;
      // Its remaining entries wait behind the writers that were not taken.
      due.delete(writer);
      if (writer.hasPending) due.add(writer);
    }
    return { partition, parts };
  }

  /** Sends a call until it is answered, its runs are given up, or the appender stops. Never throws. */
  async #send(
    call: Call,
    giveUpAt: number = performance.now() + this.#giveUpMs,
  ): Promise<RunAnswer[]> {
    for (let failures = 0; ; failures += 1) {
      try {
        const sentAt = performance.now();
        const answers = await this.#ask(call);
        this.#onCall?.({ durationMs: performance.now() - sentAt, ...countEntries(call, answers) });
        return answers;
      } catch (error) {
        if (!isOutage(error)) return this.#isolate(call, giveUpAt, error);
        // Whether the call took effect is not known. The next try finds out. The connection itself
        // reports the outage once.
        if (performance.now() > giveUpAt || this.#stopped.signal.aborted) {
          return call.parts.map(() => ({ outcome: "unavailable" }));
        }
        // Not cut short by a stop: Redis gets the same time for the last try.
        await sleep(backOffMs(failures, BACK_OFF));
      }
    }
  }

  /** @throws what the connection throws, and what Redis says of the call as a whole */
  async #ask({ partition, parts }: Call): Promise<RunAnswer[]> {
    const keys: string[] = [];
    const args: ScriptArgument[] = [
      this.#keys.channelPrefix(partition),
      this.#maxLogBytes,
      this.#resumeWindowMs,
    ];
    for (const { writer, batch } of parts) {
      const { runId, epoch } = writer;
      keys.push(this.#keys.record(runId), this.#keys.log(runId));
      const { firstSeq, payloads, unpublished, closes } = batch;
      args.push(runId, epoch, firstSeq, payloads.length, unpublished, closes, ...payloads);
    }
    // Two values for each run, as the script's header says.
    const values = (await Appender.#append.run(this.#redis, keys, args)) as (string | number)[];
    return parts.map((_, index) => answerOf(values[2 * index], values[2 * index + 1]));
  }

  /** Redis refuses the call for one of its runs, and does not say for which. So each run gets a call of its own. */
  async #isolate(call: Call, giveUpAt: number, error: unknown): Promise<RunAnswer[]> {
    if (call.parts.length === 1) return [{ outcome: "broken", fault: asError(error) }];
    const answers: RunAnswer[] = [];
    for (const part of call.parts) {
      answers.push(...(await this.#send({ ...call, parts: [part] }, giveUpAt)));
    }
    return answers;
  }
}

/**
 * The writers that go in one call: those with little to write first, in the order in which they began to wait.
 * Only the head of the line is looked at. Each call takes some of it, so all others move up.
 */
function inTurn(due: ReadonlySet<RunWriter>): RunWriter[] {
  const small: RunWriter[] = [];
  const large: RunWriter[] = [];
  for (const writer of due) {
    (writer.isSmall ? small : large).push(writer);
    if (small.length + large.length >= MOST_LOOKED_AT && small.length >= MAX_RUNS_PER_CALL) break;
  }
  const kept = Math.min(large.length, KEPT_FOR_LARGE);
  const first = small.slice(0, MAX_RUNS_PER_CALL - kept);
  return [...first, ...large].slice(0, MAX_RUNS_PER_CALL);
}

/** @throws where Redis refuses every command, which is not the run's fault */
function answerOf(outcome: unknown, detail: unknown): RunAnswer {
  if (outcome !== "broken") {
    // The script's own words.
    return {
      outcome: outcome as AppendOutcome,
      ...(typeof detail === "number" && detail !== UNKNOWN && { listeners: detail }),
    };
  }
  const fault = new Error(String(detail));
  if (isStateOfRedis(fault.message)) throw fault;
  return { outcome, fault };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function countEntries({ parts }: Call, answers: readonly RunAnswer[]) {
  let [entries, bytes, fenced] = [0, 0, 0];
  parts.forEach(({ batch: { payloads, bytes: own } }, index) => {
    entries += payloads.length;
    bytes += own;
    if (answers[index]?.outcome === "fenced") fenced += payloads.length;
  });
  return { entries, bytes, fenced };
}
