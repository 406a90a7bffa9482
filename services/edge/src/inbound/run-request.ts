/** From the body of `POST /v1/runs` to what a run is asked. */
import {
  type ConversationMessage,
  failure,
  type RunRequestBody,
  requestProblem,
  runRequestSchema,
} from "@openclaw/protocol";
import { conversationBytes, type ParsedBody, parseJson } from "./chat-request.ts";

const NOT_JSON = 'The body is not JSON. Send an object such as {"message": "Hello"}.';

export interface AskedRun extends Omit<RunRequestBody, "message" | "messages"> {
  readonly messages: readonly ConversationMessage[];
}

/** Reads a body. Never throws: what is wrong is a failure to be told. */
export function parseRunRequest(
  body: Buffer,
  { maxMessageBytes }: { readonly maxMessageBytes: number },
): ParsedBody<AskedRun> {
  const json = parseJson(body);
  if (json === undefined) {
    return { ok: false, failure: failure("invalid_json", NOT_JSON), param: null };
  }
  const parsed = runRequestSchema.safeParse(json);
  if (!parsed.success) {
    const { message, param } = requestProblem(parsed.error.issues);
    return { ok: false, failure: failure("invalid_request", message), param };
  }
  const { message, messages, ...asked } = parsed.data;
  const conversation = messages ?? [{ role: "user" as const, content: message ?? "" }];
  const bytes = conversationBytes(conversation);
  if (bytes > maxMessageBytes) {
    const told = `The messages are ${bytes} bytes long; this server accepts ${maxMessageBytes}.`;
    const param = messages ? "messages" : "message";
    return { ok: false, failure: failure("message_too_long", told), param };
  }
  return { ok: true, request: { ...asked, messages: conversation } };
}
