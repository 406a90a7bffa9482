/** One chat completion, from its request to its outcome. */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type ChatRequest, readChatRequest } from "./chat-request.ts";
import { type Directive, directiveFor } from "./directive.ts";
import type { Decision } from "./faults/fault-injector.ts";
import { planAnswer } from "./plan.ts";
import type { Profile } from "./profiles/profiles.ts";
import { readBody } from "./read-body.ts";
import { directedRefusal, refuse, sendRefusal } from "./refusals.ts";
import type { Reply } from "./reply.ts";
import type { Outcome } from "./stats.ts";
import { type StagedAnswer, streamAnswer } from "./stream-answer.ts";
import { sendWholeAnswer } from "./whole-answer.ts";

export interface Exchange {
  readonly request: IncomingMessage;
  readonly reply: Reply;
  readonly name: string;
  readonly profile: Profile;
  /** When the socket is as good as connected: nothing is answered before. */
  readonly connectedAt: number;
  /** Told when an understood request is over. */
  readonly onOver?: ((prompt: string, outcome: Outcome) => void) | undefined;
  readonly onChat?: OnChat | undefined;
  /** Called once the request is understood: which fault it gets, if any. */
  readonly decide: (asked: Directive) => Decision;
}

/** Told of every chat completion asked for: the name in the path, and the body as it came. */
export type OnChat = (profile: string, body: string) => void;

export async function answerChat(exchange: Exchange): Promise<Outcome> {
  const { request, reply, connectedAt } = exchange;
  const { dialect } = exchange.profile;
  const requestId = randomUUID();
  const body = await readBody(request);
  if (body === undefined || !(await reply.waitUntil(connectedAt))) return "aborted";
  if (body === "too large") {
    return refuse(reply, dialect, { status: 413, requestId, message: "The body is too large." });
  }
  exchange.onChat?.(exchange.name, body.text);
  const read = readChatRequest(body.text, request.headers.authorization);
  if (!read.ok) return refuse(reply, dialect, { ...read, requestId });
  const asked = directiveFor(exchange.name, read.request.directive);
  const { directive, release } = exchange.decide(asked);
  try {
    const outcome = await answer(exchange, { ...read.request, directive }, requestId);
    exchange.onOver?.(read.request.prompt, outcome);
    return outcome;
  } finally {
    release();
  }
}

async function answer(
  exchange: Exchange,
  request: ChatRequest,
  requestId: string,
): Promise<Outcome> {
  const { reply, profile } = exchange;
  const { directive } = request;
  const startedAt = performance.now();
  if (directive.refuse || directive.stale) {
    reply.cut();
    return "broken";
  }
  if (directive.hang) {
    await reply.untilClosed();
    return "aborted";
  }
  if (directive.status !== undefined) {
    if (!(await reply.waitUntil(startedAt + (directive.firstTokenMs ?? 0)))) return "aborted";
    return sendRefusal(reply, directedRefusal(directive, profile.dialect, requestId));
  }
  const staged = stage(exchange, request, requestId, startedAt);
  return request.stream ? streamAnswer(staged) : sendWholeAnswer(staged);
}

function stage(
  { reply, name, profile: { dialect, timing } }: Exchange,
  request: ChatRequest,
  requestId: string,
  startedAt: number,
): StagedAnswer {
  const now = new Date();
  const turn = {
    id: dialect.newId(now),
    requestId,
    model: request.model,
    created: Math.floor(now.getTime() / 1_000),
    usageAsked: request.usageAsked,
    thinks: (request.directive.reasoning?.length ?? 0) > 0,
  };
  const partial = dialect.continues ? request.partial : undefined;
  const plan = planAnswer({ ...request, partial }, name, timing);
  return { reply, dialect, turn, plan, startedAt };
}
