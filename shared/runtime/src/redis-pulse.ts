/**
 * Tells whether Redis answers on a connection, and throws the connection away when it is deaf.
 *
 * A slow Redis is worse than a dead one: every request would wait for it. And a connection that was
 * cut without a word stays "ready" until the operating system gives up, many minutes later. So a
 * small command goes through it four times a second. Answers arrive in order; as long as this one
 * comes in time, every command before it did.
 *
 * Ticks are counted, not time: a process that was itself stopped or busy misses a tick, not Redis.
 *
 * A Redis Cluster answers in time when every partition of the streams does: a run may belong to any of them.
 */
import { Cluster } from "ioredis";
import type { Component } from "./life-cycle.ts";
import type { Logger } from "./log.ts";
import { connectionName, type RedisClient } from "./redis.ts";
import { LATE, within } from "./waits.ts";

const TICK_MS = 250;
/** An answer is late after one tick; after this many late ones in a row, Redis does not answer. */
const LATE_TICKS = 6;
/** A connection without any answer for this many ticks is replaced. */
const DEAF_TICKS = 6;
/** While it is being made it gets more: that takes several answers, each of which may be slow. */
const MAKING_TICKS = 12;

export interface RedisPulseOptions {
  /** For commands; a blocking connection would be late by nature. */
  readonly redis: RedisClient;
  /** One key of each partition: every master of a Redis Cluster that has one of them must answer. */
  readonly keys: readonly string[];
  readonly log: Logger;
  /** Told of each answer, after how many milliseconds it came. */
  readonly onAnswer?: (afterMs: number) => void;
}

export class RedisPulse implements Component {
  readonly name: string;
  readonly #redis: RedisClient;
  readonly #keys: readonly string[];
  readonly #log: Logger;
  readonly #onAnswer: ((afterMs: number) => void) | undefined;
  #ticking: NodeJS.Timeout | undefined;
  #asking = false;
  /** Ticks in a row that did not end in an answer in time. */
  #late = 0;
  /** Ticks since the last answer, or since the connection began to be made. */
  #deaf = 0;

  constructor({ redis, keys, log, onAnswer }: RedisPulseOptions) {
    this.name = `pulse of ${connectionName(redis)}`;
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
    this.#onAnswer = onAnswer;
  }

  /** Whether commands are answered within 250 ms, as far as the last ticks tell. */
  get alive(): boolean {
    return this.#redis.status === "ready" && this.#late < LATE_TICKS;
  }

  async start(): Promise<void> {
    this.#redis.on("ready", this.#onReady);
    // Answers that have arrived are read before the connection is judged.
    this.#ticking = setInterval(() => setImmediate(() => this.#tick()), TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.#redis.off("ready", this.#onReady);
  }

  readonly #onReady = (): void => {
    this.#deaf = 0;
    void this.#ask();
  };

  #tick(): void {
    if (!this.#ticking) return;
    const { status } = this.#redis;
    if (status === "ready" && !this.#asking) {
      void this.#ask();
      return;
    }
    this.#late += 1;
    if (this.#late === LATE_TICKS && status === "ready") {
      const connection = connectionName(this.#redis);
      this.#log.warn({ connection }, "redis does not answer in time");
    }
    // Between two tries there is no connection that could be deaf.
    this.#deaf = status === "reconnecting" ? 0 : this.#deaf + 1;
    if (this.#deaf < (status === "ready" ? DEAF_TICKS : MAKING_TICKS)) return;
    this.#deaf = 0;
    // Those nodes of a cluster that hear are needed by the runs of other partitions.
    if (this.#redis instanceof Cluster && status === "ready") dropDeafNodes(this.#redis);
    else this.#redis.disconnect(true);
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#redis.status !== "ready") return;
    this.#asking = true;
    const before = this.#late;
    const askedAt = performance.now();
    try {
      const redis = this.#redis;
      if (redis instanceof Cluster) await Promise.all(this.#keys.map((key) => redis.exists(key)));
      else await redis.ping();
      this.#onAnswer?.(performance.now() - askedAt);
      this.#deaf = 0;
      if (this.#late === before) this.#late = 0;
      // At once, so that while answers are late every tick finds a command in flight.
      else if (this.#ticking) setImmediate(() => void this.#ask());
    } catch {
      // The connection is gone; it reports that itself, and the next tick counts it.
    } finally {
      this.#asking = false;
    }
  }
}

/** Throws away connections that are silent for a tick; the cluster makes new ones where they are needed. */
function dropDeafNodes(cluster: Cluster): void {
  for (const node of cluster.nodes("master")) {
    // An error is an answer: that connection reports itself.
    const heard = node.ping().then(
      () => true,
      () => true,
    );
    void within(TICK_MS, heard).then((hears) => {
      if (hears === LATE) node.disconnect();
    });
  }
}
