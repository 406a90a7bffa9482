/** What a provider is sent: the run's conversation and wishes, in the words of its dialect. */
import type { ProviderConfig } from "@openclaw/config";
import type { Dialect } from "./dialects/dialect.ts";
import { optionFields } from "./dialects/option-fields.ts";
import type { ChatRequest } from "./provider-event.ts";

/** @returns JSON */
export function chatRequestBody(
  { messages, options = {}, passed = {}, partial }: ChatRequest,
  { config, dialect }: { config: ProviderConfig; dialect: Dialect },
): string {
  const continuation = partial === undefined ? undefined : dialect.continuation?.(config);
  const said = messages.map((message) => dialect.message(message, config));
  return JSON.stringify({
    model: config.model,
    messages: continuation
      ? [...said, { role: "assistant", content: partial, ...continuation.message }]
      : said,
    stream: true,
    ...(dialect.optionFields ?? optionFields)(options, config),
    ...dialect.requestFields(config),
    ...(dialect.passedFields?.(passed, config) ?? passed),
    ...continuation?.request,
  });
}
