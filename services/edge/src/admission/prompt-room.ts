/**
 * Room for prompts: in this process until they are on a queue, and in Redis until their runs have ended.
 *
 * A full Redis refuses every run of everybody, and so does an edge whose heap is full, which dies. So prompts are refused
 * long before: long ones first, so that users with a short question notice nothing of somebody who sends long ones.
 */
import { getHeapStatistics } from "node:v8";
import { type Failure, failure } from "@openclaw/protocol";
import { ByteBudget, type Reservation, SHORT_BYTES } from "./byte-budget.ts";
import type { MemoryUse } from "./redis-memory.ts";

/** A prompt on its way to a queue is in the heap about four times: as it came, as a job, as JSON, as a command. */
const HEAP_SHARE = 1 / 8;
/** Of that: what waits for its turn must leave room for prompts that are sent on at once. */
const WAITING_SHARE = 1 / 2;
const REDIS_SHARE = 1 / 4;
/** Where Redis has no limit, or does not tell. */
const USUAL_QUEUED_BYTES = 256 * 1024 * 1024;
/** Of the limit, for short prompts. */
const SHORT_SHARE = 2;
/** Of Redis' `maxmemory`: whatever it is full of, long prompts would not help. */
const NEARLY_FULL = 0.85;
/** From here on no new run is taken at all: the rest is for the answers of those that run, which a full Redis would fail. */
const AS_GOOD_AS_FULL = 0.9;

const FULL_HERE = failure(
  "overloaded",
  "This server has as many bytes of requests in hand as it may. Try again shortly.",
);
const FULL_QUEUE = failure(
  "overloaded",
  "As many bytes of requests are waiting as the queue may hold. Try again shortly.",
);
const FULL_REDIS = failure("overloaded", "Redis is nearly full. Try again shortly.");

export interface PromptRoomOptions {
  /** What this edge may keep of requests at all. */
  readonly inbound: ByteBudget;
  /** As configured; undefined: as much as Redis can well hold. */
  readonly maxQueuedBytes: number | undefined;
  /** Of the fullest master; undefined where it is not known. */
  readonly redis: () => MemoryUse | undefined;
  /** Prompts of unfinished runs that began here. */
  readonly ownBytes: () => number;
  /** Those of all other edges, as they said last. */
  readonly otherBytes: () => number;
  /** The most this process may take, in bytes. Default: V8's own limit. */
  readonly heapBytes?: number;
}

export class PromptRoom {
  readonly #options: PromptRoomOptions;
  readonly #inHand: ByteBudget;
  readonly #waiting: ByteBudget;

  constructor(options: PromptRoomOptions) {
    const { inbound, heapBytes = getHeapStatistics().heap_size_limit } = options;
    this.#options = options;
    const share = Math.floor(heapBytes * HEAP_SHARE);
    this.#inHand = new ByteBudget(Math.min(inbound.maxBytes, share), inbound);
    this.#waiting = new ByteBudget(Math.floor(this.#inHand.maxBytes * WAITING_SHARE), this.#inHand);
  }

  /** Why a prompt is not taken right now; undefined where it is. */
  refusal(bytes: number): Failure | undefined {
    if (!this.#inHand.hasRoom(bytes)) return FULL_HERE;
    if (this.#isRedisFuller(AS_GOOD_AS_FULL)) return FULL_REDIS;
    return this.#hasQueueRoom(bytes) ? undefined : FULL_QUEUE;
  }

  /** Holds a prompt in this process until it is released. Undefined where there is no room. */
  hold(bytes: number): Reservation | undefined {
    return this.#inHand.take(bytes);
  }

  /** Holds a prompt that waits for its turn until it is released. A failure where there is no room. */
  holdWaiting(bytes: number): Reservation | Failure {
    return this.#waiting.take(bytes) ?? FULL_HERE;
  }

  #hasQueueRoom(bytes: number): boolean {
    const { ownBytes, otherBytes } = this.#options;
    const isShort = bytes <= SHORT_BYTES;
    const most = this.#maxQueuedBytes * (isShort ? SHORT_SHARE : 1);
    return (
      ownBytes() + otherBytes() + bytes <= most && (isShort || !this.#isRedisFuller(NEARLY_FULL))
    );
  }

  get #maxQueuedBytes(): number {
    const { maxQueuedBytes, redis } = this.#options;
    if (maxQueuedBytes !== undefined) return maxQueuedBytes;
    const max = redis()?.maxBytes;
    return max === undefined ? USUAL_QUEUED_BYTES : max * REDIS_SHARE;
  }

  /** Than this share of its limit. Where that is not known, it is not. */
  #isRedisFuller(share: number): boolean {
    const { usedBytes = 0, maxBytes = Number.POSITIVE_INFINITY } = this.#options.redis() ?? {};
    return usedBytes > maxBytes * share;
  }
}
