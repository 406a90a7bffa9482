/** The request to a provider: headers, and the run's conversation and options in the provider's dialect. */
import type { ProviderConfig } from "@openclaw/config";
import type { ConversationMessage } from "@openclaw/protocol";
import type { ChatRequest } from "./contract/provider-event.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { type Fields, type Recipient, requestFields } from "./dialects/request-fields.ts";

export function chatRequestHeaders(
  config: ProviderConfig,
  dialect: Dialect,
): Readonly<Record<string, string>> {
  const { apiKey } = config;
  return {
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey.trim()}` }),
    "content-type": "application/json",
    accept: "text/event-stream, application/json",
    // A compressing server collects text that the user should see at once.
    "accept-encoding": "identity",
    "user-agent": "openclaw-streaming-gateway",
    ...dialect.requestHeaders?.(config),
  };
}

/** @returns JSON */
export function chatRequestBody(request: ChatRequest, to: Recipient): string {
  const { config, dialect } = to;
  const { messages, partial } = request;
  const continuation = partial === undefined ? undefined : dialect.continuation?.(config);
  const history: Fields[] = messages.map((message) =>
    dialect.message(withoutReasoning(message, to), config),
  );
  return JSON.stringify({
    ...requestFields(request, to),
    model: config.model,
    messages: continuation
      ? [...history, { role: "assistant", content: partial, ...continuation.message }]
      : history,
    stream: true,
    ...continuation?.request,
  });
}

/** Some providers refuse `reasoning_content` in a history. Others need it between tool calls. */
function withoutReasoning(
  message: ConversationMessage,
  { config, dialect }: Recipient,
): ConversationMessage {
  const isWanted = config.wantsReasoning ?? dialect.wantsReasoning?.(config) ?? false;
  if (isWanted || message.role !== "assistant") return message;
  const { reasoning_content: _, ...rest } = message;
  return rest;
}
