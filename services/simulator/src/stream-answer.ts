/**
 * Plays a plan as a stream of events.
 *
 * Each event has a time counted from the start of the answer, never from the event before it, so a
 * late timer does not make the whole answer late; what is due together goes out in one write.
 */

import { encodingHeader } from "./encoder.ts";
import { spliced } from "./faults/spliced.ts";
import { spoiled } from "./faults/spoiled.ts";
import { type Plan, usageAfter } from "./plan.ts";
import type { Json, SseEvent } from "./profiles/dialect.ts";
import type { Reply } from "./reply.ts";
import { DONE, EventSink, encodeEvent } from "./sse.ts";
import type { StagedAnswer, TimedText } from "./staged-answer.ts";
import type { Outcome } from "./stats.ts";
import { withClosingCall } from "./tools/call-deltas.ts";
import { bodyOf } from "./whole-answer.ts";

/** Bounds the memory of one write when a very long answer is due all at once. */
const MAX_BATCH_CHARS = 64 * 1024;

export async function streamAnswer(staged: StagedAnswer): Promise<Outcome> {
  const { reply, dialect, turn, plan } = staged;
  reply.head(200, {
    "content-type": dialect.streamType,
    "cache-control": "no-cache",
    ...dialect.headers(turn.requestId),
    ...(plan.encoding && { "content-encoding": encodingHeader(plan.encoding) }),
  });
  const sink = new EventSink(reply, plan.portions, plan.encoding);
  const open = (await play(eventsOf(staged), sink, staged)) && (await sink.flush());
  return open ? conclude(plan, reply) : "aborted";
}

function eventsOf(staged: StagedAnswer): Iterable<TimedText> {
  const { dialect, turn, plan } = staged;
  if (plan.splice === undefined) return streamOf(staged);
  const { after, pauseMs } = plan.splice;
  const begun = { ...plan, kind: "end", deltas: plan.deltas.slice(0, after + 1) } as const;
  const anew = { ...turn, id: dialect.newId(new Date()) };
  const second = streamOf({ ...staged, turn: anew });
  return spliced(streamOf({ ...staged, plan: begun }), second, pauseMs);
}

function* streamOf({ dialect, turn, plan }: StagedAnswer): Generator<TimedText> {
  const { firstTokenMs, gapMs, framing, deltas, spoil } = plan;
  const encode = (json: object) => encodeEvent({ data: JSON.stringify(json) }, framing);
  let atMs = firstTokenMs;
  for (const json of opening({ dialect, turn, plan })) yield { atMs, text: encode(json) };
  for (const [index, delta] of deltas.entries()) {
    atMs = firstTokenMs + index * gapMs;
    const text = encode(dialect.delta(turn, delta, usageAfter(plan, index + 1)));
    yield { atMs, text: index === spoil?.after ? spoiled(spoil.kind, framing) : text };
  }
  if (spoil && spoil.after >= deltas.length) yield { atMs, text: spoiled(spoil.kind, framing) };
  const events = closing({ dialect, turn, plan }).map((event) => encodeEvent(event, framing));
  const last = events.join("");
  const text = (plan.endsOpen ? last.trimEnd() : last) + plan.trailer;
  if (text !== "") yield { atMs, text };
  if (plan.kind === "truncate") {
    const text = encode(dialect.delta(turn, { kind: "text", text: "lost" }, undefined));
    yield { atMs, text: text.slice(0, text.length / 2) };
  }
}

type Spoken = Pick<StagedAnswer, "dialect" | "turn" | "plan">;

function opening({ dialect, turn, plan }: Spoken): readonly Json[] {
  // An error with nothing before it is what a provider says that never began.
  if (plan.kind === "error" && plan.deltas.length === 0) return [];
  return dialect.open(turn, usageAfter(plan, 0));
}

function closing({ dialect, turn, plan }: Spoken): readonly SseEvent[] {
  const done = plan.done ? [DONE] : [];
  if (plan.kind === "error") return [dialect.streamError(turn), ...done];
  if (plan.kind !== "complete") return [];
  const usage = usageAfter(plan, plan.deltas.length);
  const last = withClosingCall(dialect.close(turn, plan.finish, usage), plan.closingCall);
  const whole = plan.wholeLast ? [{ data: bodyOf({ dialect, turn, plan }, plan.finish) }] : [];
  return [...last.map((json) => ({ data: JSON.stringify(json) })), ...whole, ...done];
}

async function play(
  events: Iterable<TimedText>,
  sink: EventSink,
  { reply, startedAt, plan: { commentMs } }: StagedAnswer,
): Promise<boolean> {
  let batch = "";
  for (const { atMs, text } of events) {
    const dueAt = startedAt + atMs;
    if (dueAt > performance.now() || batch.length > MAX_BATCH_CHARS) {
      if (batch !== "" && !(await sink.write(batch))) return false;
      batch = "";
      if (sink.full) return reply.open;
      if (!(await waitUntil(dueAt, reply, commentMs))) return false;
    }
    batch += text;
  }
  return batch === "" ? reply.open : sink.write(batch);
}

/** Says from time to time that the line is up: a comment, which is part of no answer. */
async function waitUntil(at: number, reply: Reply, commentMs?: number): Promise<boolean> {
  if (commentMs === undefined) return reply.waitUntil(at);
  for (let now = performance.now(); now < at; now = performance.now()) {
    if (!(await reply.waitUntil(Math.min(at, now + commentMs)))) return false;
    if (!(await reply.write(": keep-alive\n\n"))) return false;
  }
  return reply.open;
}

async function conclude(plan: Plan, reply: Reply): Promise<Outcome> {
  const { kind, spoil, splice, commentMs } = plan;
  switch (kind) {
    case "complete":
      return finish(reply, spoil || splice ? "broken" : "completed");
    case "error":
      return finish(reply, "refused");
    case "end":
    case "truncate":
      return finish(reply, "broken");
    case "cut":
      reply.cut();
      return "broken";
    case "reset":
      reply.reset();
      return "broken";
    case "stall":
      await waitUntil(Number.POSITIVE_INFINITY, reply, commentMs);
      return "aborted";
  }
}

async function finish(reply: Reply, outcome: Outcome): Promise<Outcome> {
  return (await reply.end()) ? outcome : "aborted";
}
