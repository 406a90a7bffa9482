/**
 * A refusal of an earlier turn, put into words that every provider takes.
 *
 * Libraries send back what they were given: `refusal` in place of `content`, or as a part of it. Hardly any
 * provider knows either, and a turn without content is refused by many.
 */
type Message = Readonly<Record<string, unknown>>;

export function withRefusalAsText(message: Message): Message {
  if (message.role !== "assistant") return message;
  const { refusal, content, ...others } = message;
  if (Array.isArray(content)) return { ...message, content: content.map(asTextPart) };
  const isRefused = typeof refusal === "string" && refusal !== "" && !content;
  return isRefused ? { ...others, content: refusal } : message;
}

function asTextPart(part: unknown): unknown {
  if (typeof part !== "object" || part === null || !("type" in part)) return part;
  const isRefusal = part.type === "refusal" && "refusal" in part;
  return isRefusal ? { type: "text", text: part.refusal } : part;
}
