/** The answer to a request without `stream: true`: one JSON body, when all of it would be written. */

import { usageAfter } from "./plan.ts";
import type { Delta } from "./profiles/dialect.ts";
import type { Headers } from "./reply.ts";
import type { Outcome } from "./stats.ts";
import type { StagedAnswer } from "./stream-answer.ts";

export async function sendWholeAnswer(staged: StagedAnswer): Promise<Outcome> {
  const { reply, plan, startedAt } = staged;
  const lastAtMs = plan.firstTokenMs + Math.max(0, plan.deltas.length - 1) * plan.gapMs;
  if (!(await reply.waitUntil(startedAt + lastAtMs))) return "aborted";
  switch (plan.kind) {
    case "complete":
      return (await sendBody(staged, plan.finish)) ? "completed" : "aborted";
    case "end":
      return (await sendBody(staged, null)) ? "broken" : "aborted";
    case "cut":
      reply.cut();
      return "broken";
    case "stall":
      await reply.untilClosed();
      return "aborted";
  }
}

/** HTTP 200 with an error as the body. */
export async function sendWholeError(staged: StagedAnswer): Promise<Outcome> {
  const { reply, dialect, turn, plan, startedAt } = staged;
  if (!(await reply.waitUntil(startedAt + plan.firstTokenMs))) return "aborted";
  const sent = await reply.send(200, headersOf(staged), dialect.streamError(turn).data);
  return sent ? "refused" : "aborted";
}

function sendBody(staged: StagedAnswer, finish: string | null): Promise<boolean> {
  const { reply, dialect, turn, plan } = staged;
  const text = joined(plan.deltas, "text");
  const reasoning = joined(plan.deltas, "reasoning");
  const usage = usageAfter(plan, plan.deltas.length);
  const body = dialect.whole(turn, { text, reasoning, finish }, usage);
  return reply.send(200, headersOf(staged), JSON.stringify(body));
}

function headersOf({ dialect, turn }: StagedAnswer): Headers {
  return { "content-type": "application/json", ...dialect.headers(turn.requestId) };
}

function joined(deltas: readonly Delta[], kind: Delta["kind"]): string {
  return deltas.map((delta) => (delta.kind === kind ? delta.text : "")).join("");
}
