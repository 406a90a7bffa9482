/**
 * Which nodes are alive, and what each last said of itself.
 *
 * A node writes its report under a key that expires, so a dead node disappears by itself and no
 * clock is compared with another machine's. Sums that must outlive a node (runs finished) are added
 * to one hash instead. All keys share a hash tag, since a report is one transaction.
 */
import { ReplyError } from "ioredis";
import type { Component } from "./life-cycle.ts";
import type { Logger } from "./log.ts";
import type { RedisClient } from "./redis.ts";

const REPORT_INTERVAL_MS = 1_000;
/** A node that missed this many reports is taken for dead. */
const REPORT_TTL_MS = 4_000;

export type NodeKind = "edge" | "worker";

export interface NodeReport<Details> {
  readonly id: string;
  readonly kind: NodeKind;
  readonly details: Details;
}

export interface NodeRegistryOptions {
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  readonly id: string;
  readonly kind: NodeKind;
  readonly log: Logger;
  /** What this node says of itself; JSON. */
  readonly describe: () => unknown;
  /**
   * Sums to add to the cluster's since the last call. They are sent again if the report fails. So a report that only
   * seemed to fail counts twice: these figures are for a look, not for a bill.
   */
  readonly takeTotals?: () => Record<string, number>;
  /** A node fell silent without having left. Of all nodes that look, one gets this call. */
  readonly onLost?: (id: string) => void;
}

export class NodeRegistry implements Component {
  readonly name = "node registry";
  readonly #options: NodeRegistryOptions;
  readonly #nodesKey: string;
  readonly #totalsKey: string;
  #timer: NodeJS.Timeout | undefined;
  #unsent: Record<string, number> = {};
  #reporting = false;
  #failing = false;
  #writeRefusal: string | undefined;
  /** Since when Redis has taken every report, where there was a time when it did not. */
  #settlingSince = Number.NEGATIVE_INFINITY;

  constructor(options: NodeRegistryOptions) {
    this.#options = options;
    this.#nodesKey = `${options.keyPrefix}{nodes}`;
    this.#totalsKey = `${options.keyPrefix}{nodes}:totals`;
  }

  async start(): Promise<void> {
    await this.#report();
    this.#timer = setInterval(() => void this.#report(), REPORT_INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    // What was counted since the last report.
    await this.#report();
    const { redis, id } = this.#options;
    try {
      await redis.multi().srem(this.#nodesKey, id).del(this.#reportKey(id)).exec();
    } catch {
      // Redis is away: the report expires by itself.
    }
  }

  /**
   * Redis' own code for the refusal of the last report, such as `OOM` or `READONLY`: Redis answers, but writes
   * nothing. Undefined while Redis takes reports, and while it does not answer at all.
   */
  get writeRefusal(): string | undefined {
    return this.#writeRefusal;
  }

  /**
   * Whether a missing node is dead. While Redis takes no reports, those of all nodes expire; when it does again, the
   * nodes come back one by one.
   */
  get isSettled(): boolean {
    return !this.#failing && performance.now() - this.#settlingSince >= REPORT_TTL_MS;
  }

  /** Ids of all that are alive, and of some that died lately. @throws what the connection throws */
  async ids(): Promise<string[]> {
    return this.#options.redis.smembers(this.#nodesKey);
  }

  /** All nodes alive, as far as they could report: see `isSettled`. @throws what the connection throws */
  async nodes<Details>(): Promise<NodeReport<Details>[]> {
    const { redis } = this.#options;
    const ids = await redis.smembers(this.#nodesKey);
    if (ids.length === 0) return [];
    const reports = await redis.mget(ids.map((id) => this.#reportKey(id)));
    const missing = ids.filter((_, index) => reports[index] === null);
    for (const id of this.isSettled ? missing : []) {
      if ((await redis.srem(this.#nodesKey, id)) === 1) this.#options.onLost?.(id);
    }
    // Written by `#report` below, on a node of the same version.
    return reports
      .filter((report) => report !== null)
      .map((report) => JSON.parse(report) as NodeReport<Details>);
  }

  /** Sums over all nodes that ever were. @throws what the connection throws */
  async totals(): Promise<Record<string, number>> {
    const totals = await this.#options.redis.hgetall(this.#totalsKey);
    return Object.fromEntries(Object.entries(totals).map(([name, sum]) => [name, Number(sum)]));
  }

  async #report(): Promise<void> {
    if (this.#reporting) return;
    this.#reporting = true;
    const { redis, id, kind, describe, log } = this.#options;
    const totals = this.#takeTotals();
    try {
      const report = JSON.stringify({ id, kind, details: describe() });
      const batch = redis
        .multi()
        .sadd(this.#nodesKey, id)
        .set(this.#reportKey(id), report, "PX", REPORT_TTL_MS);
      for (const [name, sum] of Object.entries(totals)) batch.hincrby(this.#totalsKey, name, sum);
      await batch.exec();
      if (this.#failing) this.#settlingSince = performance.now();
      this.#failing = false;
      this.#writeRefusal = undefined;
    } catch (error) {
      this.#unsent = totals;
      this.#writeRefusal = replyCodeOf(error);
      if (!this.#failing) log.warn({ err: error }, "node report failed");
      this.#failing = true;
    } finally {
      this.#reporting = false;
    }
  }

  #takeTotals(): Record<string, number> {
    const totals = this.#unsent;
    this.#unsent = {};
    for (const [name, sum] of Object.entries(this.#options.takeTotals?.() ?? {})) {
      totals[name] = (totals[name] ?? 0) + sum;
    }
    return totals;
  }

  #reportKey(id: string): string {
    return `${this.#options.keyPrefix}{nodes}:${id}`;
  }
}

/** The code of an error that Redis itself answered with; of a transaction, that of the command it failed for. */
function replyCodeOf(error: unknown): string | undefined {
  if (!(error instanceof ReplyError)) return undefined;
  // The class has no type of its own.
  const { message, previousErrors } = error as Error & { previousErrors?: readonly Error[] };
  return /^[A-Z]+/.exec(previousErrors?.[0]?.message ?? message)?.[0];
}
