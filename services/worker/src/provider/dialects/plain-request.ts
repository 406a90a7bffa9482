/** Messages and fields for providers that know less of the chat completions API than OpenAI does. */
import type { ConversationMessage, PassedFields } from "@openclaw/protocol";

/** `developer` is OpenAI's newer word. Chat templates of other models know only `system`. */
export function withSystemRole(message: ConversationMessage): ConversationMessage {
  return message.role === "developer" ? { ...message, role: "system" } : message;
}

/**
 * As `withSystemRole`, and turns a list of texts into one text, since some templates drop lists silently. Each part
 * gets its own line, as in vLLM. A list with other parts stays a list.
 */
export function plainMessage(message: ConversationMessage): ConversationMessage {
  const { content } = message;
  const known = withSystemRole(message);
  if (!Array.isArray(content)) return known;
  const texts = content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  return texts.length < content.length ? known : { ...known, content: texts.join("\n") };
}

/**
 * Removes passed fields that only state the default. A provider that does not know a field refuses the request,
 * whatever the field's value.
 */
export function withoutDefaults(passed: PassedFields): PassedFields {
  const { parallel_tool_calls, response_format, presence_penalty, frequency_penalty, ...others } =
    passed;
  return {
    ...others,
    ...(parallel_tool_calls === false && { parallel_tool_calls }),
    ...(response_format && response_format.type !== "text" && { response_format }),
    ...(presence_penalty && { presence_penalty }),
    ...(frequency_penalty && { frequency_penalty }),
  };
}

/** Whether an effort asks for no thinking, or for next to none. */
export function isThoughtless(effort: string): boolean {
  return effort === "none" || effort === "minimal";
}
