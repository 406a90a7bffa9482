/**
 * Names of keys and channels.
 *
 * All keys of one script must live in one slot of a Redis Cluster. They are a run's record and log, and the channels
 * of the nodes that watch it. So they share a hash tag, one per partition. A run belongs to the partition that its id
 * hashes
 * to. On a single Redis there is one partition.
 */
import slotOf from "cluster-key-slot";

const SLOTS = 16_384;

export interface StreamKeysOptions {
  /** Put before every key, so that several clusters can share one Redis. */
  readonly prefix: string;
  /** The same on every node of one cluster. 1 for a single Redis. */
  readonly partitions: number;
}

export class StreamKeys {
  readonly partitions: number;
  readonly #prefix: string;
  readonly #tags: readonly string[];

  constructor({ prefix, partitions }: StreamKeysOptions) {
    this.partitions = partitions;
    this.#prefix = prefix;
    this.#tags = Array.from({ length: partitions }, (_, partition) => tagOf(partition, partitions));
  }

  partitionOf(runId: string): number {
    return this.partitions === 1 ? 0 : slotOf(runId) % this.partitions;
  }

  /** The hash that says what a run is and who may write to it. */
  record(runId: string): string {
    return `${this.#base(this.partitionOf(runId))}run:${runId}`;
  }

  /** The stream of the run's entries. */
  log(runId: string): string {
    return `${this.#base(this.partitionOf(runId))}log:${runId}`;
  }

  /** Background runs of this run's partition, by when they must be over: a sorted set. */
  due(runId: string): string {
    return this.#dueOf(this.partitionOf(runId));
  }

  /** The same of every partition. */
  get dues(): readonly string[] {
    return this.#tags.map((_, partition) => this.#dueOf(partition));
  }

  /** What a node's id is appended to, to name its channel in a partition. */
  channelPrefix(partition: number): string {
    return `${this.#base(partition)}node:`;
  }

  channel(partition: number, node: string): string {
    return `${this.channelPrefix(partition)}${node}`;
  }

  /** A key of each partition, which is never written: the master that answers for it has the partition. */
  get probes(): readonly string[] {
    return this.#tags.map((_, partition) => `${this.#base(partition)}probe`);
  }

  #dueOf(partition: number): string {
    return `${this.#base(partition)}due`;
  }

  #base(partition: number): string {
    return `${this.#prefix}{${this.#tags[partition]}}:`;
  }
}

/**
 * A short tag whose slot lies in the partition's own share of the key space. Plain numbers as tags
 * would leave some Redis nodes with nearly twice the partitions of others.
 */
function tagOf(partition: number, partitions: number): string {
  const from = Math.floor((partition * SLOTS) / partitions);
  const to = Math.floor(((partition + 1) * SLOTS) / partitions);
  for (let candidate = 0; ; candidate += 1) {
    const tag = candidate.toString(36);
    const slot = slotOf(tag);
    if (slot >= from && slot < to) return tag;
  }
}
