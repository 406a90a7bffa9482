/** Messages for providers that know less of the chat completions API than OpenAI does. */
import type { ConversationMessage } from "@openclaw/protocol";

/** `developer` is OpenAI's newer word; chat templates of other models know `system` alone. */
export function withSystemRole(message: ConversationMessage): ConversationMessage {
  return message.role === "developer" ? { ...message, role: "system" } : message;
}

/**
 * As `withSystemRole`, and with a list of texts as one text: some templates drop lists without a word.
 * Parts stand on lines of their own, as vLLM joins them. A list with anything else in it stays one.
 */
export function plainMessage(message: ConversationMessage): ConversationMessage {
  const { content } = message;
  const known = withSystemRole(message);
  if (!Array.isArray(content)) return known;
  const texts = content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  return texts.length < content.length ? known : { ...known, content: texts.join("\n") };
}
