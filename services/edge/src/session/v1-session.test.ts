import { describe, expect, test } from "vitest";
import { ByteBudget } from "../admission/byte-budget.ts";
import { PromptRoom } from "../admission/prompt-room.ts";
import { fakeConnection } from "../testing/fake-socket.ts";
import { fakeStarter } from "../testing/fake-starter.ts";
import { V1Session } from "./v1-session.ts";

const MIB = 1024 * 1024;
const FRAME = JSON.stringify({ message: "x".repeat(16_000) });

/** An edge that may hold 1 MiB of prompts. */
function edge() {
  const inbound = new ByteBudget(MIB);
  const prompts = new PromptRoom({
    inbound,
    maxQueuedBytes: undefined,
    redis: () => undefined,
    ownBytes: () => 0,
    otherBytes: () => 0,
    heapBytes: 64 * MIB,
  });
  const { begun, admission, starter } = fakeStarter(prompts);
  const visit = () => {
    const { connection, socket } = fakeConnection();
    const session = new V1Session(connection, {
      admission,
      starter,
      limits: { maxMessageBytes: 16_000 },
      maxWaiting: 16,
      errorLingerMs: 0,
      onIdle: () => undefined,
      mayRefuse: () => true,
    });
    return { session, socket };
  };
  return { inbound, begun, visit };
}

describe("messages that wait for their turn", () => {
  test("take half of the room, so that all other clients are answered", () => {
    const { inbound, begun, visit } = edge();
    for (let visitors = 0; visitors < 20; visitors += 1) {
      const { session } = visit();
      for (let sent = 0; sent < 17; sent += 1) session.onText(FRAME);
    }
    expect(begun).toHaveLength(20);
    expect(inbound.usedBytes).toBeGreaterThan(0.4 * MIB);
    expect(inbound.usedBytes).toBeLessThanOrEqual(MIB / 2);
    const { session, socket } = visit();
    session.onText('{"message":"hi"}');
    expect(socket.sent).toEqual([]);
    expect(begun).toHaveLength(21);
  });

  test("are refused in their turn where there is no room", async () => {
    const { begun, visit } = edge();
    const visitors = Array.from({ length: 4 }, visit);
    for (const { session } of visitors) {
      for (let sent = 0; sent < 17; sent += 1) session.onText(FRAME);
    }
    const last = visitors.at(-1);
    expect(last?.socket.sent).toEqual([]);
    begun.at(-1)?.onEnded(undefined as never);
    await new Promise(setImmediate);
    expect(JSON.parse(last?.socket.sent[0] ?? "")).toMatchObject({ code: "overloaded" });
  });

  test("give their room back when their client leaves", () => {
    const { inbound, visit } = edge();
    const { session } = visit();
    for (let sent = 0; sent < 17; sent += 1) session.onText(FRAME);
    expect(inbound.usedBytes).toBeGreaterThan(16 * 16_000);
    session.onClose();
    expect(inbound.usedBytes).toBe(0);
  });
});
