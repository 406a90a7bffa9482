/**
 * One connection of a node (of a Redis Cluster: one to each master), subscribed to the node's channels, for all its
 * runs.
 *
 * A subscription can be dead while its socket looks alive (a failover behind a proxy, a cut without
 * FIN). So the node sends itself a probe through it; when no echo comes, the connection is thrown
 * away. After every new subscription the owner is told, because what was published in between is
 * only in the logs.
 *
 * On a Redis Cluster each partition's channel is subscribed to at the master of its slot, and is probed by itself.
 * When a slot moves, Redis ends the subscription there. The client library learns of it up to 5 s later, with the new
 * map of slots. So when a probe has no subscriber, the node asks for that map at once and subscribes to that one
 * channel again; the others stay. When that does not help, or an echo is missing that Redis sent, the connections to
 * all masters are thrown away. The library does not say which connection leads where. A new client
 * replaces them. The old one cannot make them again: its subscribers may wait for ever for a connection that was
 * given up half made.
 */
import {
  type Component,
  connectRedis,
  LATE,
  type Logger,
  type RedisClient,
  refreshSlots,
  within,
} from "@openclaw/runtime";
import { ChannelProbe, MAKING_PROBES } from "./channel-probe.ts";
import { decodeBatch, type PublishedEntry } from "./entry.ts";
import type { StreamKeys } from "./keys.ts";

const PROBE_INTERVAL_MS = 500;
const SUBSCRIBE_DEADLINE_MS = 2_000;

export interface SubscriptionOptions {
  /** Makes a connection for nothing else, not yet connected. Called again where one on a Redis Cluster is given up. */
  readonly createSubscriber: () => RedisClient;
  /** Sends the probes. */
  readonly commands: RedisClient;
  readonly keys: StreamKeys;
  /** This node's id, unique in the cluster. */
  readonly node: string;
  readonly log: Logger;
  /** One message: entries of one run stand together, in order. */
  readonly onBatch: (batch: readonly PublishedEntry[]) => void;
  /** Subscribed again after an interruption, to a partition or to all: anything may have been missed. */
  readonly onRestored: () => void;
}

export class Subscription implements Component {
  readonly name = "subscription";
  readonly #options: SubscriptionOptions;
  /** By channel, of which each partition has one. */
  readonly #probes: ReadonlyMap<string, ChannelProbe>;
  #subscriber: RedisClient;
  #subscribed = false;
  /** Redis answered, and no channel could be subscribed to. */
  #isRefused = false;
  /** Ticks since a new connection began to be made. */
  #making = 0;
  #probing: NodeJS.Timeout | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#subscriber = options.createSubscriber();
    const { commands, keys, node } = options;
    const channels = Array.from({ length: keys.partitions }, (_, partition) =>
      keys.channel(partition, node),
    );
    this.#probes = new Map(channels.map((name) => [name, new ChannelProbe(name, commands)]));
  }

  /** Whether what is published now reaches this node, as far as the last probes could tell. */
  get alive(): boolean {
    return this.#subscribed && this.#all.every(({ isHeard }) => isHeard);
  }

  /** Resolves when Redis has acknowledged every channel: from then on nothing is missed. */
  async start(): Promise<void> {
    this.#subscriber.on("smessageBuffer", this.#receive);
    await connectRedis(this.#subscriber);
    const [failure] = await this.#subscribe();
    if (failure) throw failure;
    this.#watch();
    this.#probing = setInterval(
      // Messages that have arrived are read before the probe is judged.
      () => setImmediate(() => this.#tick()),
      PROBE_INTERVAL_MS,
    );
  }

  async stop(): Promise<void> {
    clearInterval(this.#probing);
    this.#subscriber.disconnect();
  }

  get #all(): readonly ChannelProbe[] {
    return [...this.#probes.values()];
  }

  #watch(): void {
    this.#subscriber.on("close", this.#lose);
    this.#subscriber.on("ready", this.#restore);
  }

  readonly #lose = (): void => {
    this.#subscribed = false;
  };

  /** Answers why channels could not be subscribed to. A master that is away affects only its own channels. */
  async #subscribe(): Promise<readonly Error[]> {
    const failures: Error[] = [];
    // One command per channel: on a cluster each belongs to another slot.
    const subscribing = this.#all.map(async (probe) => {
      const failure = await this.#subscribeTo(probe.channel);
      if (failure) failures.push(failure);
      probe.begin({ deaf: failure !== undefined });
    });
    await Promise.all(subscribing);
    this.#subscribed = failures.length < this.#probes.size;
    return failures;
  }

  /** Answers why there is no acknowledgement. The client library forgets a command that a cluster sends elsewhere. */
  async #subscribeTo(channel: string): Promise<Error | undefined> {
    const acknowledged = this.#subscriber.ssubscribe(channel).then(
      () => undefined,
      (error: Error) => error,
    );
    const outcome = await within(SUBSCRIBE_DEADLINE_MS, acknowledged);
    return outcome === LATE ? new Error("subscribe was not acknowledged") : outcome;
  }

  readonly #restore = async (): Promise<void> => {
    const { log, onRestored } = this.#options;
    const failures = await this.#subscribe();
    if (this.#subscribed) {
      this.#isRefused = false;
      log.info({ unheard: failures.length }, "subscription restored");
      onRestored();
      return;
    }
    // Once for each time that it is lost.
    log[this.#isRefused ? "debug" : "warn"]({ err: failures[0] }, "subscription not restored");
    this.#isRefused = true;
    // The next tick replaces it. At once, a Redis that refuses it would be asked 20 times a second.
    this.#making = MAKING_PROBES;
  };

  readonly #receive = (channel: Buffer, message: Buffer): void => {
    if (ChannelProbe.isProbe(message)) {
      this.#echo(channel.toString());
      return;
    }
    const { log, onBatch } = this.#options;
    try {
      onBatch(decodeBatch(message));
    } catch (error) {
      // Nothing is lost: the runs concerned see a gap or a silence and read their logs.
      log.error({ err: error, bytes: message.length }, "published message not understood");
    }
  };

  #echo(channel: string): void {
    if (!this.#probes.get(channel)?.echo()) return;
    const { log, onRestored } = this.#options;
    log.info({ channel }, "subscription of a partition restored");
    onRestored();
  }

  #tick(): void {
    const isDead = this.#subscribed
      ? this.#all.some((probe) => probe.isDead)
      : this.#making >= MAKING_PROBES;
    if (isDead) {
      this.#replace();
      return;
    }
    if (this.#subscribed) {
      for (const probe of this.#all) void this.#probe(probe);
      return;
    }
    // A connection may also hang half made. Between two tries no connection can, and a made connection has the
    // deadline of subscribing.
    const { status } = this.#subscriber;
    this.#making = status === "reconnecting" || status === "ready" ? 0 : this.#making + 1;
  }

  async #probe(probe: ChannelProbe): Promise<void> {
    const isUnheard = await probe.send();
    // After a failover the old master, a replica by now, may still deliver: late, and writers learn that they have no
    // listener.
    if (!isUnheard || !this.#subscribed) return;
    if (this.#subscriber.isCluster) await this.#mend(probe);
    else this.#replace();
  }

  /** Subscribes to one channel where its slot is by now. An echo says whether that helped. */
  async #mend(probe: ChannelProbe): Promise<void> {
    const { channel } = probe;
    const level = probe.isDeaf ? "debug" : "warn";
    this.#options.log[level]({ channel }, "channel has no subscriber, subscribing again");
    probe.deafen();
    await refreshSlots(this.#subscriber);
    const failure = await this.#subscribeTo(channel);
    if (!failure && probe.isDeaf) await probe.send();
  }

  #replace(): void {
    const { log, createSubscriber } = this.#options;
    const subscriber = this.#subscriber;
    // Once for each time that it is lost.
    const level = this.#subscribed ? "warn" : "debug";
    log[level]({ status: subscriber.status }, "subscription is dead, connecting again");
    this.#subscribed = false;
    this.#making = 0;
    for (const probe of this.#all) probe.begin({ deaf: false });
    if (!subscriber.isCluster) {
      subscriber.disconnect(true);
      return;
    }
    subscriber.off("smessageBuffer", this.#receive);
    subscriber.off("close", this.#lose);
    subscriber.off("ready", this.#restore);
    subscriber.disconnect();
    this.#subscriber = createSubscriber();
    this.#subscriber.on("smessageBuffer", this.#receive);
    this.#watch();
    // A failure is reported as every other of it, and it tries again by itself.
    this.#subscriber.connect().catch(() => undefined);
  }
}
