/** From the body of `POST /v1/runs` to what a run is asked. */
import {
  type ConversationMessage,
  type RunParameters,
  runRequestSchema,
  parametersOfRun,
} from "@openclaw/protocol";
import { lengthProblem, type ParsedBody, parseBody } from "./request-body.ts";
import { tidyRequest } from "./tidy-request.ts";

const SHAPE = {
  schema: runRequestSchema,
  hint: 'Send an object such as {"message": "Hello"}.',
  prepare: tidyRequest,
} as const;

export interface AskedRun {
  readonly messages: readonly ConversationMessage[];
  /** The default where it is absent. */
  readonly provider: string | undefined;
  readonly session: string | undefined;
  readonly wishes: RunParameters;
  /** Where a field stands that was wished for. */
  readonly placeOf: (field: string) => string;
}

/** Reads a body. Never throws: what is wrong is a failure to be told. */
export function parseRunRequest(
  body: Buffer,
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): ParsedBody<AskedRun> {
  const parsed = parseBody(body, SHAPE);
  if (!parsed.ok) return parsed;
  const { message, messages, provider, session, options } = parsed.request;
  const conversation = messages ?? [{ role: "user" as const, content: message ?? "" }];
  const failure = lengthProblem(conversation, maxMessageBytes);
  if (failure) return { ok: false, failure, param: messages ? "messages" : "message" };
  const request = {
    messages: conversation,
    provider: provider ?? undefined,
    session,
    wishes: parametersOfRun(parsed.request),
    placeOf: (field: string) => (Object.hasOwn(options ?? {}, field) ? `options.${field}` : field),
  };
  return { ok: true, request };
}
