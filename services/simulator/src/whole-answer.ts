/** The answer to a request without `stream: true`: one JSON body, when all of it would be written. */

import { spoiled } from "./faults/spoiled.ts";
import { usageAfter } from "./plan.ts";
import type { Delta, Refusal as HttpResponse } from "./profiles/dialect.ts";
import type { Headers } from "./reply.ts";
import { PLAIN } from "./sse.ts";
import type { StagedAnswer } from "./staged-answer.ts";
import type { Outcome } from "./stats.ts";
import { callsIn } from "./tools/call-deltas.ts";

export async function sendWholeAnswer(staged: StagedAnswer): Promise<Outcome> {
  const { reply, plan, startedAt } = staged;
  const lastAtMs = plan.firstTokenMs + Math.max(0, plan.deltas.length - 1) * plan.gapMs;
  if (!(await reply.waitUntil(startedAt + lastAtMs))) return "aborted";
  switch (plan.kind) {
    case "complete":
      return plan.spoil
        ? send(staged, spoiled(plan.spoil.kind, PLAIN), "broken")
        : send(staged, bodyOf(staged, plan.finish), "completed");
    case "error":
      return send(staged, staged.dialect.streamError(staged.turn).data, "refused");
    case "end":
      return send(staged, bodyOf(staged, null), "broken");
    case "truncate":
      return send(staged, bodyOf(staged, null).slice(0, -2), "broken");
    case "cut":
      reply.cut();
      return "broken";
    case "reset":
      reply.reset();
      return "broken";
    case "stall":
      await reply.untilClosed();
      return "aborted";
  }
}

/** The answer as a response of its own, whatever was to become of it. */
export function wholeAnswer(staged: StagedAnswer): HttpResponse {
  return { status: 200, headers: headersOf(staged), body: bodyOf(staged, staged.plan.finish) };
}

/** HTTP 200, whatever the body says. */
async function send(staged: StagedAnswer, body: string, outcome: Outcome): Promise<Outcome> {
  return (await staged.reply.send(200, headersOf(staged), body)) ? outcome : "aborted";
}

/** The one object that an answer is without a stream, as JSON. */
export function bodyOf(
  { dialect, turn, plan }: Pick<StagedAnswer, "dialect" | "turn" | "plan">,
  finish: string | null,
): string {
  const text = joined(plan.deltas, "text");
  const reasoning = joined(plan.deltas, "reasoning");
  const usage = usageAfter(plan, plan.deltas.length);
  const calls = callsIn([...plan.deltas, ...(plan.closingCall ? [plan.closingCall] : [])]);
  return JSON.stringify(dialect.whole(turn, { text, reasoning, calls, finish }, usage));
}

function headersOf({ dialect, turn }: StagedAnswer): Headers {
  return {
    "content-type": dialect.wholeType ?? "application/json",
    ...dialect.headers(turn.requestId),
  };
}

function joined(deltas: readonly Delta[], kind: Delta["kind"]): string {
  return deltas.map((delta) => (delta.kind === kind ? delta.text : "")).join("");
}
