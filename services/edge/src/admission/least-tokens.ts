/** How many tokens a request is sure to take, at the least: enough to pass over a provider that is known to take fewer. */
import type { ConversationMessage, RunOptions } from "@openclaw/protocol";

/**
 * No tokenizer makes longer tokens than this on average, over any text that people send: English has 4 to 5 bytes each,
 * Chinese 4 to 6. A guess that is too low costs a question, one that is too high would keep a good provider from answering.
 */
const MOST_BYTES_PER_TOKEN = 12;

export interface MeasuredRequest {
  readonly messages: readonly ConversationMessage[];
  readonly options?: Pick<RunOptions, "maxTokens"> | undefined;
}

/** The text of the conversation and the room that its answer is given. What is no text counts nothing. */
export function leastTokensOf({ messages, options }: MeasuredRequest): number {
  const bytes = messages.reduce((sum, { content }) => sum + textBytesOf(content), 0);
  return Math.ceil(bytes / MOST_BYTES_PER_TOKEN) + (options?.maxTokens ?? 0);
}

function textBytesOf(content: ConversationMessage["content"]): number {
  if (typeof content === "string") return Buffer.byteLength(content);
  const parts = content ?? [];
  return parts.reduce(
    (sum, part) => sum + (part.type === "text" ? Buffer.byteLength(part.text) : 0),
    0,
  );
}
