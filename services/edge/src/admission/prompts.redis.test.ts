/** Where the prompts of open runs are kept, and when they are freed. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ConversationMessage } from "@openclaw/protocol";
import { eventually } from "@openclaw/testing";
import { test as base, expect, inject } from "vitest";
import { V1Session } from "../session/v1-session.ts";
import type { Connection } from "../socket/connection.ts";
import { NotingAnswer, TestEdge } from "../testing/test-edge.ts";
import { ByteBudget } from "./byte-budget.ts";
import { PromptRoom } from "./prompt-room.ts";

const MIB = 1024 * 1024;

const test = base.extend("edge", async ({ onTestFinished }) => {
  const edge = await TestEdge.open(inject("redisUrl"));
  onTestFinished(() => edge.close());
  return edge;
});

function roomOf(edge: TestEdge, maxQueuedBytes: number) {
  const inbound = new ByteBudget(64 * MIB);
  const prompts = new PromptRoom({
    inbound,
    maxQueuedBytes,
    redis: () => undefined,
    ownBytes: () => edge.runs.promptBytes,
    otherBytes: () => 0,
    heapBytes: 512 * MIB,
  });
  edge.limit({ maxRuns: 1_000, prompts });
  return inbound;
}

/** Starts a run as a client would, unless it is refused. */
function ask(edge: TestEdge, content: string) {
  const messages: ConversationMessage[] = [{ role: "user", content }];
  const refusal = edge.admission.refusal("mine", {}, messages);
  if (refusal) return { refusal, messages };
  const run = edge.starter.begin({
    session: "s",
    messages,
    provider: "mine",
    answer: new NotingAnswer(),
    onEnded: () => undefined,
  });
  return { run, messages };
}

test("a prompt is freed as soon as it is on its queue, while its run is open", async ({ edge }) => {
  const inbound = roomOf(edge, 64 * MIB);
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const begin = () => {
    const { run, messages } = ask(edge, "x".repeat(100_000));
    return { run, prompt: new WeakRef(messages[0] ?? {}) };
  };
  const { run, prompt } = begin();
  expect(inbound.usedBytes).toBeGreaterThan(100_000);
  await edge.queued();
  await eventually("the room given back", () => inbound.usedBytes === 0);
  await eventually("the prompt let go", () => {
    collect();
    return prompt.deref() === undefined;
  });
  expect(run?.isEnded).toBe(false);
});

test("long prompts are refused while many bytes are queued, short ones are not, until runs have ended", async ({
  edge,
}) => {
  roomOf(edge, 2 * MIB);
  const long = "x".repeat(512 * 1024);
  const started = Array.from({ length: 10 }, () => ask(edge, long));
  const runs = started.flatMap(({ run }) => run ?? []);
  expect(runs).toHaveLength(3);
  expect(started.at(-1)?.refusal).toMatchObject({ code: "overloaded", retryable: true });
  expect(ask(edge, "short").refusal).toBeUndefined();
  await eventually("all queued", async () => (await edge.queues.counts("mine")).waiting === 4);
  runs[0]?.cancel("client");
  expect(edge.runs.promptBytes).toBeLessThan(1.1 * MIB);
  expect(ask(edge, long).refusal).toBeUndefined();
});

test("messages that wait for their turn are held within the budget, and freed with their client", ({
  edge,
}) => {
  const inbound = roomOf(edge, 64 * MIB);
  const connection = {
    session: "s",
    isOpen: true,
    onDrain: () => undefined,
    send: () => true,
    cork: (write: () => void) => write(),
  };
  const session = new V1Session(connection as unknown as Connection, {
    admission: edge.admission,
    starter: edge.starter,
    limits: { maxMessageBytes: 32_768 },
    maxWaiting: 16,
    errorLingerMs: 0,
    onIdle: () => undefined,
    mayRefuse: () => true,
  });
  for (let said = 0; said < 11; said += 1) {
    session.onText(JSON.stringify({ message: "x".repeat(30_000), provider: "mine" }));
  }
  // The first one is on its way.
  expect(inbound.usedBytes).toBeGreaterThan(300_000);
  session.onClose();
  expect(inbound.usedBytes).toBeLessThan(60_000);
});
