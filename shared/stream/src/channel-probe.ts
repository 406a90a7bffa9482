/**
 * Whether one channel of a node is heard: the node publishes a probe there, and counts those that do not come back.
 *
 * On a single Redis a probe that cannot be sent counts as well: a cut of the command connection often cuts the
 * subscription too. To subscribe again for nothing costs one reading of the logs. On a Redis Cluster such a probe
 * means that the partition's master is away. A new subscription would not help, and those of the other partitions are
 * needed.
 */
import type { RedisClient } from "@openclaw/runtime";
import { Packr } from "msgpackr";

/** This many probes without an echo, and the channel is not heard. */
const MISSED_PROBES = 2;
/** While it is being made again it gets more: that takes several answers, each of which may be slow. */
export const MAKING_PROBES = 6;

const PROBE = new Packr().pack("probe");

export class ChannelProbe {
  readonly channel: string;
  readonly #commands: RedisClient;
  /** Probes since the last echo. */
  #missed = 0;
  #echoes = 0;
  #deaf = false;
  #sending = false;

  /** @param commands sends the probes */
  constructor(channel: string, commands: RedisClient) {
    this.channel = channel;
    this.#commands = commands;
  }

  static isProbe(message: Buffer): boolean {
    return message.equals(PROBE);
  }

  /** Whether what is published there now reaches this node, as far as the last probe could tell. */
  get isHeard(): boolean {
    return this.#missed < MISSED_PROBES;
  }

  /** Whether there is no hope left for the connection that it is subscribed on. */
  get isDead(): boolean {
    return this.#missed >= (this.#deaf ? MAKING_PROBES : MISSED_PROBES);
  }

  /** Whether it is known to be unheard, or its master was away: until an echo comes, anything may be missed. */
  get isDeaf(): boolean {
    return this.#deaf;
  }

  /** Sends one probe. Answers whether Redis says that it has no subscriber; false also where it could not be sent. */
  async send(): Promise<boolean> {
    const { isCluster } = this.#commands;
    if (!isCluster) this.#missed += 1;
    // One probe that waits for a master to come back is enough: it is answered only then.
    else if (this.#sending) return false;
    this.#sending = true;
    const echoes = this.#echoes;
    try {
      const listeners = await this.#commands.spublish(this.channel, PROBE);
      // The echo comes over another connection, and may be here before this answer.
      if (isCluster && this.#echoes === echoes) this.#missed += 1;
      return listeners === 0;
    } catch {
      // The command connection reports itself.
      if (isCluster) this.#deaf = true;
      return false;
    } finally {
      this.#sending = false;
    }
  }

  /** A probe came back. Answers whether the channel was deaf before. */
  echo(): boolean {
    const wasDeaf = this.#deaf;
    this.#echoes += 1;
    this.begin({ deaf: false });
    return wasDeaf;
  }

  /** Counts from now on. */
  begin({ deaf }: { deaf: boolean }): void {
    this.#missed = 0;
    this.#deaf = deaf;
  }

  /** The channel is being subscribed to again. */
  deafen(): void {
    this.#deaf = true;
  }
}
