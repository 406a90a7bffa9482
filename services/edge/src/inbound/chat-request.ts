/** From the body of a chat completion request to what a run is asked. */
import { type ChatCompletionRequest, chatCompletionRequestSchema } from "@openclaw/protocol";
import { withRefusalAsText } from "./refused-turn.ts";
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

/**
 * Libraries and proxies write null for all that they know and were not given, fields of later releases
 * included. Where null would have to mean something, it stays, to be found right or wrong by name.
 */
function withoutNulls(json: unknown): unknown {
  if (!isObject(json)) return json;
  const request = dropNulls(json, ["model", "messages"]);
  if (!Array.isArray(request.messages)) return request;
  const messages = request.messages.map((message: unknown) =>
    isObject(message) ? withRefusalAsText(dropNulls(message, ["content"])) : message,
  );
  return { ...request, messages };
}

function dropNulls(json: object, kept: readonly string[]): Readonly<Record<string, unknown>> {
  const fields = Object.entries(json);
  return Object.fromEntries(
    fields.filter(([name, value]) => value !== null || kept.includes(name)),
  );
}

function isObject(json: unknown): json is object {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
