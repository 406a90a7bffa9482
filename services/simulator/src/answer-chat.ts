/** One chat completion, from its request to its outcome. */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type ChatRequest, readChatRequest } from "./chat-request.ts";
import { directiveFor } from "./directive.ts";
import { planAnswer } from "./plan.ts";
import type { Profile } from "./profiles/profiles.ts";
import { directedRefusal, refuse, sendRefusal } from "./refusals.ts";
import type { Reply } from "./reply.ts";
import type { Outcome } from "./stats.ts";
import { type StagedAnswer, streamAnswer, streamError } from "./stream-answer.ts";
import { sendWholeAnswer, sendWholeError } from "./whole-answer.ts";

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
}

/** Told of every chat completion asked for: the name in the path, and the body as it came. */
export type OnChat = (profile: string, body: string) => void;

/** What a provider's gateway takes, roughly; and no more may pile up here. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

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
  const directive = directiveFor(exchange.name, read.request.directive);
  const outcome = await answer(exchange, { ...read.request, directive }, requestId);
  exchange.onOver?.(read.request.prompt, outcome);
  return outcome;
}

async function answer(
  exchange: Exchange,
  request: ChatRequest,
  requestId: string,
): Promise<Outcome> {
  const { reply, profile } = exchange;
  const { directive } = request;
  const startedAt = performance.now();
  if (directive.status !== undefined) {
    if (!(await reply.waitUntil(startedAt + (directive.firstTokenMs ?? 0)))) return "aborted";
    return sendRefusal(reply, directedRefusal(directive, profile.dialect, requestId));
  }
  const staged = stage(exchange, request, requestId, startedAt);
  if (directive.errorFrame) return request.stream ? streamError(staged) : sendWholeError(staged);
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

/** `undefined` when the client left before its request was complete. */
async function readBody(
  request: IncomingMessage,
): Promise<{ readonly text: string } | "too large" | undefined> {
  const incoming: AsyncIterable<Buffer> = request;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming) {
      bytes += chunk.length;
      // Read to the end all the same: the client looks for an answer only once it has sent all.
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    // The only error of an incoming request is that its client is gone; the outcome counts it.
    return undefined;
  }
  return bytes <= MAX_BODY_BYTES ? { text: Buffer.concat(chunks).toString() } : "too large";
}
