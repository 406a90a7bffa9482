import { randomUUID } from "node:crypto";
import { createStreamFixture, type StreamFixture } from "@openclaw/testing";
import { expect } from "vitest";
import type { AnsweredCall } from "../appender.ts";
import type { TerminalEntry } from "../entry.ts";
import { comparePositions, type Position } from "../position.ts";
import type { LossReason } from "../run-batch.ts";
import type { RunWriter } from "../run-writer.ts";
import { TestEdge } from "./test-edge.ts";

export const COMPLETED: TerminalEntry = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1 },
};
export const CANCELLED: TerminalEntry = { type: "cancelled", reason: "client" };
export const EXHAUSTED: TerminalEntry = {
  type: "failed",
  failure: { code: "attempts_exhausted", message: "", retryable: true },
  timings: undefined,
};

/** The stream as its contract is tested: with edges that follow runs, and writers that note their loss. */
export interface TestStream extends StreamFixture {
  /** What its appender was answered. */
  readonly calls: readonly AnsweredCall[];
  /** An edge, subscribed; stopped when the stream is closed. */
  startEdge(node?: string): Promise<TestEdge>;
  /** Claims a run, and opens its log to that attempt. */
  beginAttempt(runId: string): Promise<{ writer: RunWriter; losses: LossReason[] }>;
  /** What a replica knows that took over without having heard of what came after `before`. */
  forget(runId: string, before: Record<string, string>): Promise<void>;
}

export async function createTestStream(url: string, { partitions = 1 } = {}): Promise<TestStream> {
  const calls: AnsweredCall[] = [];
  const onCall = (call: AnsweredCall) => calls.push(call);
  const stream = await createStreamFixture(url, { partitions, onCall });
  const { commands, keys } = stream;
  const edges: TestEdge[] = [];
  return {
    ...stream,
    calls,
    async startEdge(node = `edge-${randomUUID().slice(0, 4)}`) {
      const edge = new TestEdge(stream, node);
      await edge.subscription.start();
      edges.push(edge);
      return edge;
    },
    async beginAttempt(runId) {
      const losses: LossReason[] = [];
      const writer = await stream.openWriter(runId, (reason) => losses.push(reason));
      return { writer, losses };
    },
    async forget(runId, before) {
      await commands.del(keys.record(runId), keys.log(runId));
      await commands.hset(keys.record(runId), before);
      await commands.pexpire(keys.record(runId), 60_000);
    },
    async close() {
      for (const edge of edges) await edge.subscription.stop();
      await stream.close();
    },
  };
}

/** Texts that tell themselves apart, of characters of every width. */
export function pieces(count: number, label = ""): string[] {
  return Array.from({ length: count }, (_, index) => `${label}${index} 你好 🙂; `);
}

export function expectInOrder(entries: readonly { readonly position: Position }[]): void {
  for (let at = 1; at < entries.length; at += 1) {
    const [before, after] = [entries[at - 1], entries[at]];
    if (!before || !after) throw new Error("unreachable");
    expect(comparePositions(before.position, after.position)).toBeLessThan(0);
  }
}
