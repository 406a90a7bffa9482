/** One chat completion, from its request to its outcome. */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { AcceptedRequests } from "./accepted-requests.ts";
import { type ChatRequest, readChatRequest } from "./chat-request.ts";
import { type Directive, directiveFor } from "./directive.ts";
import type { Decision, Occasion } from "./faults/fault-injector.ts";
import { planAnswer } from "./plan.ts";
import type { Profile } from "./profiles/profiles.ts";
import { quirkyDialect } from "./quirks/quirky-dialect.ts";
import { readBody } from "./read-body.ts";
import { directedRefusal, refuse, sendRefusal } from "./refusals.ts";
import type { Reply } from "./reply.ts";
import type { StagedAnswer } from "./staged-answer.ts";
import type { Outcome } from "./stats.ts";
import { streamAnswer } from "./stream-answer.ts";
import { sendWholeAnswer, wholeAnswer } from "./whole-answer.ts";

export interface Exchange {
  readonly request: IncomingMessage;
  readonly reply: Reply;
  readonly name: string;
  readonly profile: Profile;
  /** When the socket counts as connected: no request is answered before. */
  readonly connectedAt: number;
  /** Told when an understood request is over. */
  readonly onOver?: ((prompt: string, outcome: Outcome) => void) | undefined;
  readonly onChat?: OnChat | undefined;
  /** Called once the request is understood: which fault it gets, if any. */
  readonly decide: (asked: Pick<Occasion, "asked" | "key" | "model">) => Decision;
  readonly accepted: AcceptedRequests;
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
  const key = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const read = readChatRequest(body.text, key, dialect);
  if (!read.ok) return refuse(reply, dialect, { ...read, requestId });
  const asked = directiveFor(exchange.name, read.request.directive);
  const { directive, release } = exchange.decide({ asked, key, model: read.request.model });
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
  const { reply } = exchange;
  const { directive } = request;
  if (directive.refuse || directive.stale) {
    reply.cut();
    return "broken";
  }
  if (directive.hang) {
    await reply.untilClosed();
    return "aborted";
  }
  const queued = await queue(exchange, directive, requestId);
  if (queued !== undefined) return queued;
  const staged = stage(exchange, request, requestId);
  if (directive.status !== undefined) return refuseAsDirected(exchange, directive, staged);
  return request.stream && !directive.whole ? streamAnswer(staged) : sendWholeAnswer(staged);
}

/** Lets a request wait before anything is said; an outcome where it waited in vain. */
async function queue(
  { request, reply, profile: { dialect } }: Exchange,
  { headersMs = 0 }: Directive,
  requestId: string,
): Promise<Outcome | undefined> {
  const limitMs = dialect.queueLimitMs?.(request.headers) ?? Number.POSITIVE_INFINITY;
  const until = performance.now() + Math.min(headersMs, limitMs);
  if (!(await reply.waitUntil(until))) return "aborted";
  return headersMs > limitMs ? refuse(reply, dialect, { status: 504, requestId }) : undefined;
}

async function refuseAsDirected(
  { reply, accepted, profile: { dialect } }: Exchange,
  directive: Directive,
  staged: StagedAnswer,
): Promise<Outcome> {
  const { requestId } = staged.turn;
  if (directive.status === 202) {
    const late = dialect.refusal({ status: 504, requestId });
    accepted.add(requestId, directive.pollStatus === 504 ? late : wholeAnswer(staged));
  }
  const dueAt = staged.startedAt + (directive.firstTokenMs ?? 0);
  if (!(await reply.waitUntil(dueAt))) return "aborted";
  return sendRefusal(reply, directedRefusal(directive, dialect, requestId));
}

function stage(
  { reply, name, profile }: Exchange,
  request: ChatRequest,
  requestId: string,
): StagedAnswer {
  const dialect = quirkyDialect(profile.dialect, request.directive);
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
  const plan = planAnswer({ ...request, partial }, name, profile.timing);
  return { reply, dialect, turn, plan, startedAt: performance.now() };
}
