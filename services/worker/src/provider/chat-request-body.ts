/** What a provider is sent: the run's conversation and parameters, in the words of its dialect. */
import type { ConversationMessage } from "@openclaw/protocol";
import type { ChatRequest } from "./contract/provider-event.ts";
import { type Fields, type Recipient, requestFields } from "./dialects/request-fields.ts";

/** @returns JSON */
export function chatRequestBody(request: ChatRequest, to: Recipient): string {
  const { config, dialect } = to;
  const { messages, partial } = request;
  const continuation = partial === undefined ? undefined : dialect.continuation?.(config);
  const said: Fields[] = messages.map((message) =>
    dialect.message(withoutReasoning(message, to), config),
  );
  return JSON.stringify({
    ...requestFields(request, to),
    model: config.model,
    messages: continuation
      ? [...said, { role: "assistant", content: partial, ...continuation.message }]
      : said,
    stream: true,
    ...continuation?.request,
  });
}

/** Some providers refuse `reasoning_content` in a history, others need it between calls of tools. */
function withoutReasoning(
  message: ConversationMessage,
  { config, dialect }: Recipient,
): ConversationMessage {
  const isWanted = config.wantsReasoning ?? dialect.wantsReasoning?.(config) ?? false;
  if (isWanted || message.role !== "assistant") return message;
  const { reasoning_content: _, ...rest } = message;
  return rest;
}
