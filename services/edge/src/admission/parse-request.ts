/** From the body of a request over HTTP to what a run is asked. */
import {
  type ChatCompletionRequest,
  type ConversationMessage,
  chatCompletionRequestSchema,
  parametersOfRun,
  type RunParameters,
  runRequestSchema,
} from "@openclaw/protocol";
import { lengthProblem, type ParsedBody, parseBody } from "./request-body.ts";
import { tidyRequest } from "./tidy-request.ts";

const CHAT = {
  schema: chatCompletionRequestSchema,
  hint: "Send an object with `model` and `messages`.",
  prepare: (json: unknown) => tidyRequest(json, ["model", "messages"]),
} as const;
const RUN = {
  schema: runRequestSchema,
  hint: 'Send an object such as {"message": "Hello"}.',
  prepare: tidyRequest,
} as const;

export interface ParseLimits {
  /** Longest conversation, in UTF-8 bytes of its JSON. */
  readonly maxMessageBytes: number;
}

/** The body of `POST /v1/runs`. */
export interface AskedRun {
  readonly messages: readonly ConversationMessage[];
  /** Not set: the default provider. */
  readonly provider: string | undefined;
  readonly session: string | undefined;
  readonly parameters: RunParameters;
  /** Where in the body a wish stands: some fields may be inside `options`. */
  readonly placeOf: (field: string) => string;
}

/** Reads the body of `POST /v1/chat/completions`. Never throws: a wrong body is a failure. */
export function parseChatRequest(
  body: Buffer,
  { maxMessageBytes }: ParseLimits,
): ParsedBody<ChatCompletionRequest> {
  const parsed = parseBody(body, CHAT);
  if (!parsed.ok) return parsed;
  const failure = lengthProblem(parsed.request.messages, maxMessageBytes);
  return failure ? { ok: false, failure, param: "messages" } : parsed;
}

/** Reads the body of `POST /v1/runs`. Never throws: a wrong body is a failure. */
export function parseRunRequest(
  body: Buffer,
  { maxMessageBytes }: ParseLimits,
): ParsedBody<AskedRun> {
  const parsed = parseBody(body, RUN);
  if (!parsed.ok) return parsed;
  const { message, messages, provider, session, options } = parsed.request;
  const conversation = messages ?? [{ role: "user" as const, content: message ?? "" }];
  const failure = lengthProblem(conversation, maxMessageBytes);
  if (failure) return { ok: false, failure, param: messages ? "messages" : "message" };
  const request = {
    messages: conversation,
    provider: provider ?? undefined,
    session,
    parameters: parametersOfRun(parsed.request),
    placeOf: (field: string) => (Object.hasOwn(options ?? {}, field) ? `options.${field}` : field),
  };
  return { ok: true, request };
}
