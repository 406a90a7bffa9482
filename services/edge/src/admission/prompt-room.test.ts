import { describe, expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";
import { PromptRoom } from "./prompt-room.ts";
import type { MemoryUse } from "./redis-memory.ts";

const MIB = 1024 * 1024;

interface State {
  queued: number;
  elsewhere: number;
  redis: MemoryUse | undefined;
}

function room({
  maxQueuedBytes,
  heapBytes = 1_024 * MIB,
}: {
  maxQueuedBytes?: number;
  heapBytes?: number;
}) {
  const state: State = { queued: 0, elsewhere: 0, redis: { usedBytes: 0, maxBytes: 768 * MIB } };
  const inbound = new ByteBudget(64 * MIB);
  const prompts = new PromptRoom({
    inbound,
    maxQueuedBytes,
    redis: () => state.redis,
    ownBytes: () => state.queued,
    otherBytes: () => state.elsewhere,
    heapBytes,
  });
  return { state, inbound, prompts };
}

const LONG = 512 * 1024;
const SHORT = 1_024;

describe("on the queues", () => {
  test("a quarter of Redis is for prompts, half of it for short ones", () => {
    const { state, prompts } = room({});
    state.queued = 192 * MIB - LONG;
    expect(prompts.refusal(LONG)).toBeUndefined();
    state.queued += 1;
    expect(prompts.refusal(LONG)).toMatchObject({ code: "overloaded", retryable: true });
    expect(prompts.refusal(SHORT)).toBeUndefined();
    state.queued = 384 * MIB;
    expect(prompts.refusal(SHORT)).toMatchObject({ code: "overloaded" });
  });

  test("those of other edges count as well", () => {
    const { state, prompts } = room({});
    state.elsewhere = 192 * MIB;
    expect(prompts.refusal(LONG)).toMatchObject({ code: "overloaded" });
  });

  test("as many bytes as were configured", () => {
    const { state, prompts } = room({ maxQueuedBytes: 2 * MIB });
    state.queued = 2 * MIB;
    expect(prompts.refusal(LONG)).toMatchObject({ code: "overloaded" });
    expect(prompts.refusal(SHORT)).toBeUndefined();
  });

  test("256 MiB where Redis has no limit, or does not tell", () => {
    const { state, prompts } = room({});
    state.queued = 256 * MIB;
    for (const redis of [undefined, { usedBytes: 9_000 * MIB, maxBytes: undefined }]) {
      state.redis = redis;
      expect(prompts.refusal(LONG)).toMatchObject({ code: "overloaded" });
      expect(prompts.refusal(SHORT)).toBeUndefined();
    }
  });

  test("no long prompts if Redis is nearly full of other data", () => {
    const { state, prompts } = room({});
    state.redis = { usedBytes: 680 * MIB, maxBytes: 768 * MIB };
    expect(prompts.refusal(LONG)).toMatchObject({ code: "overloaded" });
    expect(prompts.refusal(SHORT)).toBeUndefined();
  });

  test("none if Redis is about to be full, so that open runs can end", () => {
    const { state, prompts } = room({ maxQueuedBytes: 64 * MIB });
    state.redis = { usedBytes: 692 * MIB, maxBytes: 768 * MIB };
    for (const bytes of [SHORT, LONG]) {
      expect(prompts.refusal(bytes)).toMatchObject({ code: "overloaded", retryable: true });
    }
    state.redis = { usedBytes: 600 * MIB, maxBytes: 768 * MIB };
    expect(prompts.refusal(SHORT)).toBeUndefined();
  });
});

describe("in this process", () => {
  test("an eighth of the heap, until they are released", () => {
    const { inbound, prompts } = room({ heapBytes: 64 * MIB });
    const held = prompts.hold(7 * MIB);
    expect(inbound.usedBytes).toBe(7 * MIB);
    expect(prompts.refusal(LONG)).toMatchObject({ code: "overloaded" });
    expect(prompts.refusal(SHORT)).toBeUndefined();
    held?.release();
    expect(prompts.refusal(LONG)).toBeUndefined();
  });

  test("no more than the rest of the inbound budget", () => {
    const { inbound, prompts } = room({});
    const bodies = inbound.take(55 * MIB);
    expect(prompts.refusal(2 * MIB)).toMatchObject({ code: "overloaded" });
    bodies?.release();
    expect(prompts.refusal(2 * MIB)).toBeUndefined();
  });
});
