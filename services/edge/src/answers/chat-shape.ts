/** How parts of an answer look in the chat completions API, streamed or whole. */
import type { ChatCompletion, Usage } from "@openclaw/protocol";
import type { ToolCallEntry } from "@openclaw/stream";
import type { GatheredText } from "./gathered-text.ts";

export function usageOf({ inputTokens, outputTokens }: Usage) {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}

/** One piece of a tool call. Its first piece has id, type and name. */
export function toolCallOf({ index, id, name, arguments: given }: ToolCallEntry) {
  return {
    index,
    ...(id !== undefined && { id, type: "function" }),
    function: { ...(name !== undefined && { name }), arguments: given },
  };
}

/** The reasoning under both names: each client library reads one of them. */
export function reasoningFields(reasoning: string) {
  return { reasoning_content: reasoning, reasoning };
}

/** The message of a whole chat completion. */
export function messageOf({
  text,
  reasoning,
  refusal,
  calls,
}: GatheredText): ChatCompletion["choices"][0]["message"] {
  return {
    role: "assistant",
    content: text === "" && (calls.length > 0 || refusal !== "") ? null : text,
    refusal: refusal === "" ? null : refusal,
    ...(reasoning !== "" && reasoningFields(reasoning)),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, ...called }) => ({ id, type: "function", function: called })),
    }),
  };
}
