/**
 * Room for prompts: in this process until they are on a queue, and in Redis until their runs have ended.
 *
 * A full Redis refuses every run, and an edge with a full heap dies. So prompts are refused long before. Long
 * prompts are refused first: users with a short question must not notice other users with long prompts.
 */
import { getHeapStatistics } from "node:v8";
import { type Failure, failure } from "@openclaw/protocol";
import { ByteBudget, type Reservation, SHORT_BYTES } from "./byte-budget.ts";
import type { MemoryUse } from "./redis-memory.ts";

/**
 * On its way to a queue, a prompt is in the heap about four times: as bytes, as a job, as JSON, as a command.
 */
const HEAP_SHARE = 1 / 8;
/** Of that share. Messages that wait must leave room for prompts that are sent on at once. */
const WAITING_SHARE = 1 / 2;
const REDIS_SHARE = 1 / 4;
/** Used if Redis has no limit, or does not report it. */
const USUAL_QUEUED_BYTES = 256 * 1024 * 1024;
/** Short prompts have a limit that is so many times higher. */
const SHORT_SHARE = 2;
/** Of Redis' `maxmemory`. Whatever fills Redis, long prompts would not help. */
const NEARLY_FULL = 0.85;
/**
 * From here on no new run is taken. The rest is for the answers of open runs, which a full Redis would fail.
 */
const TOO_FULL = 0.9;

const FULL_HERE = failure(
  "overloaded",
  "This server holds as many bytes of requests as it may. Try again shortly.",
);
const FULL_QUEUE = failure(
  "overloaded",
  "The queue holds as many bytes of requests as it may. Try again shortly.",
);
const FULL_REDIS = failure("overloaded", "Redis is nearly full. Try again shortly.");

export interface PromptRoomOptions {
  /** All that this edge may keep of requests. */
  readonly inbound: ByteBudget;
  /** As configured; undefined: a share of Redis' limit. */
  readonly maxQueuedBytes: number | undefined;
  /** Of the fullest master; undefined if it is unknown. */
  readonly redis: () => MemoryUse | undefined;
  /** Prompts of unfinished runs that began here. */
  readonly ownBytes: () => number;
  /** Likewise for all other edges, as they last reported. */
  readonly otherBytes: () => number;
  /** The most this process may take, in bytes. Default: the limit of V8. */
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

  /** Why a prompt is refused right now; undefined if it is taken. */
  refusal(bytes: number): Failure | undefined {
    if (!this.#inHand.hasRoom(bytes)) return FULL_HERE;
    if (this.#isRedisFuller(TOO_FULL)) return FULL_REDIS;
    return this.#hasQueueRoom(bytes) ? undefined : FULL_QUEUE;
  }

  /** Holds a prompt in this process until it is released. Undefined if there is no room. */
  hold(bytes: number): Reservation | undefined {
    return this.#inHand.take(bytes);
  }

  /** Holds a prompt that waits for its turn until it is released. A failure if there is no room. */
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

  /** Whether Redis is fuller than this share of its limit. False if that is unknown. */
  #isRedisFuller(share: number): boolean {
    const { usedBytes = 0, maxBytes = Number.POSITIVE_INFINITY } = this.#options.redis() ?? {};
    return usedBytes > maxBytes * share;
  }
}
