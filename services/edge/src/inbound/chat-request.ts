/** From the body of a chat completion request to what a run is asked. */
import { type ChatCompletionRequest, chatCompletionRequestSchema } from "@openclaw/protocol";
import { lengthProblem, type ParsedBody, parseBody } from "./request-body.ts";

const SHAPE = {
  schema: chatCompletionRequestSchema,
  hint: "Send an object with `model` and `messages`.",
  prepare: withoutNulls,
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

/** Libraries send a message back with null for all that it did not have, which providers refuse. */
function withoutNulls(json: unknown): unknown {
  if (typeof json !== "object" || json === null || !("messages" in json)) return json;
  if (!Array.isArray(json.messages)) return json;
  const messages = json.messages.map((message: unknown) => {
    if (typeof message !== "object" || message === null) return message;
    const fields = Object.entries(message);
    return Object.fromEntries(
      fields.filter(([name, value]) => value !== null || name === "content"),
    );
  });
  return { ...json, messages };
}
