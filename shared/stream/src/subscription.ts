/**
 * A node's ear: one connection (of a Redis Cluster: one to each master), subscribed to the node's channels, for all
 * its runs.
 *
 * A subscription can be dead while its socket looks alive (a failover behind a proxy, a cut without
 * FIN). So the node sends itself a probe through it; when no echo comes, the connection is thrown
 * away. After every new subscription the owner is told, because what was published in between is
 * only in the logs.
 *
 * On a Redis Cluster each partition's channel is heard at the master of its slot, and is probed by itself. The client
 * library follows slots that move, and subscribes again there; what is missed meanwhile shows as a gap or a silence of
 * the runs concerned. A probe that cannot be sent says that the partition's master is away, which no new subscription
 * would mend, and those of the other partitions are needed.
 */
import type { Logger, Part, RedisClient } from "@openclaw/runtime";
import { connectRedis } from "@openclaw/runtime";
import { Packr } from "msgpackr";
import { decodeBatch, type PublishedEntry } from "./entry.ts";
import type { StreamKeys } from "./keys.ts";

const PROBE_INTERVAL_MS = 500;
/** This many probes without an echo, and the connection is replaced. */
const MISSED_PROBES = 2;
/** While it is being made it gets more: that takes several answers, each of which may be slow. */
const MAKING_PROBES = 6;
const SUBSCRIBE_DEADLINE_MS = 2_000;

const PROBE = new Packr().pack("probe");

export interface SubscriptionOptions {
  /** Used for nothing else. */
  readonly subscriber: RedisClient;
  /** Sends the probes. */
  readonly commands: RedisClient;
  readonly keys: StreamKeys;
  /** This node's id, unique in the cluster. */
  readonly node: string;
  readonly log: Logger;
  /** One message: entries of one run stand together, in order. */
  readonly onBatch: (batch: readonly PublishedEntry[]) => void;
  /** Subscribed again after an interruption: anything may have been missed. */
  readonly onRestored: () => void;
}

export class Subscription implements Part {
  readonly name = "subscription";
  readonly #options: SubscriptionOptions;
  readonly #channels: readonly string[];
  #subscribed = false;
  /** By channel: probes since the last echo; on a single Redis also those that could not be sent. */
  readonly #missed = new Map<string, number>();
  /** Ticks since a new connection began to be made. */
  #making = 0;
  #probing: NodeJS.Timeout | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    const { keys, node } = options;
    this.#channels = Array.from({ length: keys.partitions }, (_, partition) =>
      keys.channel(partition, node),
    );
  }

  /** Whether what is published now reaches this node, as far as the last probe could tell. */
  get alive(): boolean {
    return this.#subscribed && this.#mostMissed < MISSED_PROBES;
  }

  /** Resolves when Redis has acknowledged every channel: from then on nothing is missed. */
  async start(): Promise<void> {
    const { subscriber } = this.#options;
    subscriber.on("smessageBuffer", (channel: Buffer, message: Buffer) =>
      this.#receive(channel, message),
    );
    await connectRedis(subscriber);
    await this.#subscribe();
    subscriber.on("close", () => {
      this.#subscribed = false;
    });
    subscriber.on("ready", () => void this.#restore());
    this.#probing = setInterval(
      // What has arrived is read before it is judged.
      () => setImmediate(() => this.#tick()),
      PROBE_INTERVAL_MS,
    );
  }

  async stop(): Promise<void> {
    clearInterval(this.#probing);
    this.#options.subscriber.disconnect();
  }

  async #subscribe(): Promise<void> {
    const { subscriber } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error("subscribe was not acknowledged")),
        SUBSCRIBE_DEADLINE_MS,
      );
    });
    // One command per channel: on a cluster each belongs to another slot.
    const acknowledged = Promise.all(
      this.#channels.map((channel) => subscriber.ssubscribe(channel)),
    );
    try {
      await Promise.race([acknowledged, late]);
      this.#subscribed = true;
      this.#missed.clear();
    } finally {
      clearTimeout(timer);
    }
  }

  async #restore(): Promise<void> {
    const { log, subscriber, onRestored } = this.#options;
    try {
      await this.#subscribe();
      log.info("subscription restored");
      onRestored();
    } catch (error) {
      log.warn({ err: error }, "subscription not restored");
      subscriber.disconnect(true);
    }
  }

  #receive(channel: Buffer, message: Buffer): void {
    if (message.equals(PROBE)) {
      this.#missed.delete(channel.toString());
      return;
    }
    const { log, onBatch } = this.#options;
    try {
      onBatch(decodeBatch(message));
    } catch (error) {
      // Nothing is lost: the runs concerned see a gap or a silence and read their logs.
      log.error({ err: error, bytes: message.length }, "published message not understood");
    }
  }

  get #mostMissed(): number {
    return Math.max(0, ...this.#missed.values());
  }

  #tick(): void {
    if (this.#subscribed ? this.#mostMissed >= MISSED_PROBES : this.#making >= MAKING_PROBES) {
      this.#replace();
      return;
    }
    if (this.#subscribed) {
      for (const channel of this.#channels) void this.#probe(channel);
      return;
    }
    // A connection may also hang half made; between two tries there is none that could, and one
    // that is made has the deadline of subscribing.
    const { status } = this.#options.subscriber;
    this.#making = status === "reconnecting" || status === "ready" ? 0 : this.#making + 1;
  }

  async #probe(channel: string): Promise<void> {
    const { commands } = this.#options;
    const missed = this.#missed.get(channel) ?? 0;
    this.#missed.set(channel, missed + 1);
    try {
      const heard = await commands.spublish(channel, PROBE);
      // After a failover it may be heard through the old master, a replica by now: late, and writers
      // are told that nobody listens.
      if (heard === 0 && this.#subscribed) this.#replace();
    } catch {
      // The command connection is away and reports itself. What cuts one often cuts both, so that of a single
      // Redis is not trusted either: made anew for nothing, it costs a reading of the logs.
      if (commands.isCluster && this.#missed.has(channel)) this.#missed.set(channel, missed);
    }
  }

  #replace(): void {
    const { log, subscriber } = this.#options;
    // Once for each time that it is lost.
    const level = this.#subscribed ? "warn" : "debug";
    log[level]({ status: subscriber.status }, "subscription is dead, connecting anew");
    this.#subscribed = false;
    this.#making = 0;
    this.#missed.clear();
    subscriber.disconnect(true);
  }
}
