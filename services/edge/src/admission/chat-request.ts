/** From the body of a chat completion request to what a run is asked. */
import { type ChatCompletionRequest, chatCompletionRequestSchema } from "@openclaw/protocol";
import { lengthProblem, type ParsedBody, parseBody } from "./request-body.ts";
import { tidyRequest } from "./tidy-request.ts";

const SHAPE = {
  schema: chatCompletionRequestSchema,
  hint: "Send an object with `model` and `messages`.",
  prepare: (json: unknown) => tidyRequest(json, ["model", "messages"]),
} as const;

/** Reads a body. Never throws: what is wrong is a failure to be told. */
export function parseChatRequest(
  body: Buffer,
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): ParsedBody<ChatCompletionRequest> {
  const parsed = parseBody(body, SHAPE);
  if (!parsed.ok) return parsed;
  const failure = lengthProblem(parsed.request.messages, maxMessageBytes);
  return failure ? { ok: false, failure, param: "messages" } : parsed;
}
