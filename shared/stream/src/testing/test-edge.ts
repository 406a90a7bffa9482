import { createLogger, type RedisClient } from "@openclaw/runtime";
import type { StreamFixture } from "@openclaw/testing";
import { type Entry, isTerminal } from "../entry.ts";
import { Follower } from "../follower.ts";
import { BEGINNING, type Position } from "../position.ts";
import { Subscription } from "../subscription.ts";

const log = createLogger({ service: "test", level: "silent" });

/** An edge: a subscription and the followers of its runs, which note what they are given. */
export class TestEdge {
  readonly node: string;
  /** The last one is in use. */
  readonly subscribers: RedisClient[] = [];
  readonly subscription: Subscription;
  readonly followers = new Map<string, Follower>();
  readonly got = new Map<string, { position: Position; entry: Entry }[]>();
  /** Why its readers gave up. */
  readonly unreadable: unknown[] = [];
  /** Its readers take no more once they were given so many entries. */
  pausedAfter = Number.POSITIVE_INFINITY;
  readonly #stream: StreamFixture;

  constructor(stream: StreamFixture, node: string) {
    this.node = node;
    this.#stream = stream;
    this.subscription = new Subscription({
      createSubscriber: () => {
        const subscriber = stream.subscriber();
        this.subscribers.push(subscriber);
        return subscriber;
      },
      commands: stream.commands,
      keys: stream.keys,
      node,
      log,
      onBatch: (batch) => {
        for (const { runId, position, entry } of batch) {
          this.followers.get(runId)?.offer(position, entry);
        }
      },
      onRestored: () => {
        for (const follower of this.followers.values()) follower.refill();
      },
    });
  }

  follow(runId: string, after: Position = BEGINNING): Follower {
    const received: { position: Position; entry: Entry }[] = [];
    this.got.set(runId, received);
    const follower = new Follower({
      runId,
      after,
      read: (id, from) => this.#stream.records.read(id, from),
      deliver: (position, entry) => {
        received.push({ position, entry });
        return received.length < this.pausedAfter;
      },
      batch: (deliverAll) => deliverAll(),
      onLost: () => undefined,
      onUnreadable: (error) => this.unreadable.push(error),
    });
    this.followers.set(runId, follower);
    return follower;
  }

  /** What came of a run, of one attempt or of all. */
  text(runId: string, epoch?: number): string {
    return (this.got.get(runId) ?? [])
      .filter(({ position }) => epoch === undefined || position.epoch === epoch)
      .map(({ entry }) => (entry.type === "text" ? entry.text : ""))
      .join("");
  }

  /** The last entry of a run, once that is its terminal entry. */
  ended(runId: string): Entry | undefined {
    const last = this.got.get(runId)?.at(-1)?.entry;
    return last && isTerminal(last) ? last : undefined;
  }
}
