/** From the body of `POST /v1/runs` to what a run is asked. */
import {
  type ConversationMessage,
  type RunRequestBody,
  runRequestSchema,
} from "@openclaw/protocol";
import { lengthProblem, type ParsedBody, parseBody } from "./request-body.ts";
import { tidyRequest } from "./tidy-request.ts";

const SHAPE = {
  schema: runRequestSchema,
  hint: 'Send an object such as {"message": "Hello"}.',
  prepare: tidyRequest,
} as const;

export interface AskedRun extends Omit<RunRequestBody, "message" | "messages"> {
  readonly messages: readonly ConversationMessage[];
}

/** Reads a body. Never throws: what is wrong is a failure to be told. */
export function parseRunRequest(
  body: Buffer,
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): ParsedBody<AskedRun> {
  const parsed = parseBody(body, SHAPE);
  if (!parsed.ok) return parsed;
  const { message, messages, ...asked } = parsed.request;
  const conversation = messages ?? [{ role: "user" as const, content: message ?? "" }];
  const failure = lengthProblem(conversation, maxMessageBytes);
  if (failure) return { ok: false, failure, param: messages ? "messages" : "message" };
  return { ok: true, request: { ...asked, messages: conversation } };
}
