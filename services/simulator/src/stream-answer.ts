/**
 * Plays a plan as a stream of events.
 *
 * Each event has a time counted from the start of the answer, never from the event before it, so a
 * late timer does not make the whole answer late; what is due together goes out in one write.
 */

import { type Plan, usageAfter } from "./plan.ts";
import type { Dialect, Turn } from "./profiles/dialect.ts";
import type { Reply } from "./reply.ts";
import { DONE, EventSink, encodeEvent } from "./sse.ts";
import type { Outcome } from "./stats.ts";

export interface StagedAnswer {
  readonly reply: Reply;
  readonly dialect: Dialect;
  readonly turn: Turn;
  readonly plan: Plan;
  /** When the provider began to work on it, on the clock of `performance.now()`. */
  readonly startedAt: number;
}

/** Bounds the memory of one write when a very long answer is due all at once. */
const MAX_BATCH_CHARS = 64 * 1024;

interface TimedText {
  readonly atMs: number;
  readonly text: string;
}

export async function streamAnswer(staged: StagedAnswer): Promise<Outcome> {
  const { reply, dialect, turn, plan } = staged;
  reply.head(200, {
    "content-type": dialect.streamType,
    "cache-control": "no-cache",
    ...dialect.headers(turn.requestId),
  });
  const sink = new EventSink(reply, plan.chunkBytes);
  const open = (await play(eventsOf(staged), sink, staged)) && (await sink.flush());
  return open ? conclude(plan, reply) : "aborted";
}

/** HTTP 200, and then an error as the first event. */
export async function streamError(staged: StagedAnswer): Promise<Outcome> {
  const { reply, dialect, turn, plan, startedAt } = staged;
  reply.head(200, { "content-type": dialect.streamType, ...dialect.headers(turn.requestId) });
  if (!(await reply.waitUntil(startedAt + plan.firstTokenMs))) return "aborted";
  const events = [dialect.streamError(turn), ...(plan.done ? [DONE] : [])];
  const text = events.map((event) => encodeEvent(event, plan.newline)).join("");
  return (await reply.end(text)) ? "refused" : "aborted";
}

function* eventsOf({ dialect, turn, plan }: StagedAnswer): Generator<TimedText> {
  const { firstTokenMs, gapMs, newline, deltas } = plan;
  const encode = (json: object) => encodeEvent({ data: JSON.stringify(json) }, newline);
  let atMs = firstTokenMs;
  for (const json of dialect.open(turn, usageAfter(plan, 0))) yield { atMs, text: encode(json) };
  for (const [index, delta] of deltas.entries()) {
    atMs = firstTokenMs + index * gapMs;
    yield { atMs, text: encode(dialect.delta(turn, delta, usageAfter(plan, index + 1))) };
  }
  if (plan.kind !== "complete") return;
  const usage = usageAfter(plan, deltas.length);
  for (const json of dialect.close(turn, plan.finish, usage)) yield { atMs, text: encode(json) };
  if (plan.done) yield { atMs, text: encodeEvent(DONE, newline) };
}

async function play(
  events: Iterable<TimedText>,
  sink: EventSink,
  { reply, startedAt }: StagedAnswer,
): Promise<boolean> {
  let batch = "";
  for (const { atMs, text } of events) {
    const dueAt = startedAt + atMs;
    if (dueAt > performance.now() || batch.length > MAX_BATCH_CHARS) {
      if (batch !== "" && !(await sink.write(batch))) return false;
      batch = "";
      if (!(await reply.waitUntil(dueAt))) return false;
    }
    batch += text;
  }
  return batch === "" ? reply.open : sink.write(batch);
}

async function conclude({ kind }: Plan, reply: Reply): Promise<Outcome> {
  switch (kind) {
    case "complete":
      return (await reply.end()) ? "completed" : "aborted";
    case "end":
      return (await reply.end()) ? "broken" : "aborted";
    case "cut":
      reply.cut();
      return "broken";
    case "stall":
      await reply.untilClosed();
      return "aborted";
  }
}
