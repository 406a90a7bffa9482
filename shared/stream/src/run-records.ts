/**
 * The life of a run in Redis, apart from its text: created, claimed, watched, ended, read.
 *
 * Every method is one round trip and may throw what the connection throws (a deadline,
 * no connection). Every write may be repeated after such an error without harm.
 */
import { isOutage, type RedisClient } from "@openclaw/runtime";
import { type Claim, claimArguments, claimOutcomeOf } from "./claim.ts";
import { encodeEntry, encodePublished, type TerminalEntry } from "./entry.ts";
import type { StreamKeys } from "./keys.ts";
import { type LogPage, logPageOf } from "./log-page.ts";
import { entryId, type Position } from "./position.ts";
import { DEFAULT_RETENTION, type Retention } from "./retention.ts";
import {
  type ClaimOutcome,
  type CreateOutcome,
  type EndOutcome,
  type HedgeOutcome,
  type MoveOutcome,
  type WatchOutcome,
  watchOutcomeOf,
} from "./run-outcomes.ts";
import { parseRunStatus, type RunStatus } from "./run-status.ts";
import { Script } from "./script.ts";

/** Behind every position: what is published there leads its readers to the log. */
const BEYOND: Position = { epoch: Number.MAX_SAFE_INTEGER, seq: 0 };
/** Most edges that may watch one run: two tabs, a few reconnects; a bound against abuse. */
const MAX_WATCHERS = 16;

export class RunRecords {
  static readonly #create = new Script("create");
  static readonly #claim = new Script("claim");
  static readonly #hedge = new Script("hedge");
  static readonly #move = new Script("move");
  static readonly #end = new Script("end");
  static readonly #watch = new Script("watch");
  static readonly #unwatch = new Script("unwatch");
  static readonly #status = new Script("status");
  static readonly #rewind = new Script("rewind");

  readonly #redis: RedisClient;
  readonly #keys: StreamKeys;
  readonly #retention: Retention;

  constructor(redis: RedisClient, keys: StreamKeys, retention: Retention = DEFAULT_RETENTION) {
    this.#redis = redis;
    this.#keys = keys;
    this.#retention = retention;
  }

  /**
   * Makes a queued run, watched by `edge`, which must already be subscribed.
   *
   * @param run `totalMs`: how long the run may take, for readers and claims that come later. `dueInMs`: the run goes
   * on without readers, and must be over by then. `submission`: the same when this call is repeated, another for
   * another request
   */
  async create(run: {
    runId: string;
    edge: string;
    provider: string;
    session: string;
    totalMs?: number | undefined;
    dueInMs?: number | undefined;
    submission?: string | undefined;
  }): Promise<CreateOutcome> {
    const reply = await RunRecords.#create.run(
      this.#redis,
      [this.#keys.record(run.runId), this.#keys.due(run.runId)],
      [
        this.#retention.liveMs,
        run.edge,
        run.provider,
        run.session,
        run.dueInMs ?? "",
        run.submission ?? run.edge,
        run.runId,
        run.totalMs ?? "",
      ],
    );
    return reply as CreateOutcome;
  }

  /**
   * Takes the right to write for a run; see `claim.lua`.
   */
  async claim(claim: Claim): Promise<ClaimOutcome> {
    const { runId } = claim;
    const reply = await RunRecords.#claim.run(
      this.#redis,
      [this.#keys.record(runId), this.#keys.log(runId)],
      claimArguments(claim, this.#channelPrefix(runId), this.#retention),
    );
    return claimOutcomeOf(reply);
  }

  /**
   * Says that `node` is about to ask another provider while the attempt of `epoch` says nothing. It hears
   * how the matter is decided, if it is subscribed.
   */
  async hedge(hedge: { runId: string; epoch: number; node: string }): Promise<HedgeOutcome> {
    const reply = await RunRecords.#hedge.run(
      this.#redis,
      [this.#keys.record(hedge.runId)],
      [hedge.epoch, hedge.node],
    );
    return reply as HedgeOutcome;
  }

  /**
   * Gives the run of a failed attempt to another provider, before the run is put on that provider's queue. Epoch 0
   * means a run that waits at `from`.
   *
   * @param run `because`: a `retry` stays with its provider, and the failed attempt does not count if it had no
   * token. A `release` by a worker that leaves never counts. Default: `failure`
   */
  async move(run: {
    runId: string;
    epoch: number;
    from: string;
    provider: string;
    because?: "failure" | "retry" | "release" | undefined;
  }): Promise<MoveOutcome> {
    const reply = await RunRecords.#move.run(
      this.#redis,
      [this.#keys.record(run.runId), this.#keys.log(run.runId)],
      [
        run.runId,
        this.#channelPrefix(run.runId),
        run.epoch,
        run.provider,
        encodeEntry({ type: "moved", provider: run.provider }),
        run.from,
        run.because ?? "failure",
      ],
    );
    return reply as MoveOutcome;
  }

  /**
   * Ends a run from outside its attempt. Exactly one terminal entry results, that of the first to end it.
   *
   * @param unreadBy where given, a run that another node watches goes on
   */
  async end(runId: string, terminal: TerminalEntry): Promise<EndOutcome>;
  async end(
    runId: string,
    terminal: TerminalEntry,
    unreadBy: readonly string[],
  ): Promise<EndOutcome | "read_elsewhere">;
  async end(
    runId: string,
    terminal: TerminalEntry,
    unreadBy?: readonly string[],
  ): Promise<EndOutcome | "read_elsewhere"> {
    const reply = await RunRecords.#end.run(
      this.#redis,
      [this.#keys.record(runId), this.#keys.log(runId)],
      [
        runId,
        this.#channelPrefix(runId),
        this.#retention.resumeWindowMs,
        terminal.type,
        encodeEntry(terminal),
        unreadBy ? ` ${unreadBy.join(" ")} ` : "",
      ],
    );
    return reply as EndOutcome | "read_elsewhere";
  }

  /**
   * Adds a node to the watchers of a run of this session, or of any session if none is given. A
   * reader that subscribes, watches and then reads the log misses nothing.
   */
  async watch(
    runId: string,
    { node, session = "" }: { node: string; session?: string | undefined },
  ): Promise<WatchOutcome> {
    const reply = await RunRecords.#watch.run(
      this.#redis,
      [this.#keys.record(runId)],
      [node, MAX_WATCHERS, session],
    );
    return watchOutcomeOf(reply);
  }

  /** Redis' clock was set back: attempts that were heard of in what is the future now were heard of now. */
  async rewind(runIds: readonly string[]): Promise<void> {
    await Promise.all(
      runIds.map(async (runId) => {
        try {
          await RunRecords.#rewind.run(this.#redis, [this.#keys.record(runId)], []);
        } catch (error) {
          // The worker that works on the run reports a broken record.
          if (isOutage(error)) throw error;
        }
      }),
    );
  }

  /** The status of a run; undefined for an unknown run. */
  async status(runId: string): Promise<RunStatus | undefined> {
    const reply = await RunRecords.#status.run(this.#redis, [this.#keys.record(runId)], []);
    return parseRunStatus(reply);
  }

  /** Ends a run by its client's wish, wherever it is read: a run of this session, or any run if no session is given. */
  async cancel(
    runId: string,
    session?: string,
  ): Promise<{ readonly outcome: "ended"; readonly provider: string } | "already" | "unknown"> {
    const [owner, provider] = await this.#redis.hmget(
      this.#keys.record(runId),
      "session",
      "provider",
    );
    if (owner == null || (session !== undefined && owner !== session)) return "unknown";
    const outcome = await this.end(runId, { type: "cancelled", reason: "client" });
    return outcome === "ended" ? { outcome, provider: provider ?? "" } : outcome;
  }

  /**
   * Tells every node in `nodes` that a run with a broken record or log has failed. The record no longer says which of
   * them watch it. The remains expire after the resume window.
   *
   * @param run `after`: the last position that readers may have; undefined where it is not known, and readers find
   * out by themselves
   */
  async condemn(run: {
    runId: string;
    after: Position | undefined;
    terminal: TerminalEntry;
    nodes: readonly string[];
  }): Promise<void> {
    const { runId, after, terminal, nodes } = run;
    const position = after ? { ...after, seq: after.seq + 1 } : BEYOND;
    const message = encodePublished({ runId, position }, terminal);
    const channels = nodes.map((node) => `${this.#channelPrefix(runId)}${node}`);
    await Promise.all([
      ...channels.map((channel) => this.#redis.spublish(channel, message)),
      this.#redis.pexpire(this.#keys.record(runId), this.#retention.resumeWindowMs),
      this.#redis.pexpire(this.#keys.log(runId), this.#retention.resumeWindowMs),
    ]);
  }

  /** The epoch of the attempt that lost the run to its hedge, which has worked on it since; undefined without one. */
  async hedgedOf(runId: string): Promise<number | undefined> {
    const hedged = await this.#redis.hget(this.#keys.record(runId), "hedged");
    return hedged === null ? undefined : Number(hedged);
  }

  /** The nodes that watch a run, dead ones among them; empty for an unknown run. */
  async watchers(runId: string): Promise<string[]> {
    const edges = await this.#redis.hget(this.#keys.record(runId), "edges");
    return edges ? edges.split(" ").filter(Boolean) : [];
  }

  /** Takes a node off a run's watchers; answers those that are left, dead ones among them. */
  async unwatch(runId: string, node: string): Promise<string[]> {
    const reply = await RunRecords.#unwatch.run(this.#redis, [this.#keys.record(runId)], [node]);
    // The shape is the script's own.
    return reply as string[];
  }

  /**
   * Reads up to `limit` entries behind a position, or `undefined` where the run is not known.
   *
   * @throws also MalformedEntryError
   */
  async read(runId: string, after: Position, limit = 256): Promise<LogPage | undefined> {
    const replies = await this.#redis
      .pipeline()
      .hmget(this.#keys.record(runId), "state", "epoch", "seq")
      .xrangeBuffer(this.#keys.log(runId), `(${entryId(after)}`, "+", "COUNT", limit)
      .exec();
    return logPageOf(replies ?? [], limit);
  }

  #channelPrefix(runId: string): string {
    return this.#keys.channelPrefix(this.#keys.partitionOf(runId));
  }
}
