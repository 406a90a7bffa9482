/** From the body of a chat completion request to what a run is asked. */
import {
  type ChatCompletionRequest,
  type ConversationMessage,
  chatCompletionRequestSchema,
  type Failure,
  failure,
  requestProblem,
} from "@openclaw/protocol";

export type ParsedBody<Request> =
  | { readonly ok: true; readonly request: Request }
  | { readonly ok: false; readonly failure: Failure; readonly param: string | null };

/** Reads a body. Never throws: what is wrong is a failure to be told. */
export function parseChatRequest(
  body: Buffer,
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): ParsedBody<ChatCompletionRequest> {
  const json = parseJson(body);
  if (json === undefined) {
    const reason = failure(
      "invalid_json",
      "The body is not JSON. Send an object with `model` and `messages`.",
    );
    return { ok: false, failure: reason, param: null };
  }
  const parsed = chatCompletionRequestSchema.safeParse(withoutNulls(json));
  if (!parsed.success) {
    const { message, param } = requestProblem(parsed.error.issues);
    return { ok: false, failure: failure("invalid_request", message), param };
  }
  const bytes = conversationBytes(parsed.data.messages);
  if (bytes > maxMessageBytes) {
    const message = `The messages are ${bytes} bytes long; this server accepts ${maxMessageBytes}.`;
    return { ok: false, failure: failure("message_too_long", message), param: "messages" };
  }
  return { ok: true, request: parsed.data };
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

/** Everything that a job has to carry, in UTF-8 bytes. */
export function conversationBytes(messages: readonly ConversationMessage[]): number {
  return Buffer.byteLength(JSON.stringify(messages));
}

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
