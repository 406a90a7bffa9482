/** How large a request is: its bytes in Redis and in memory, and the tokens that it is sure to take. */
import type { ConversationMessage, RunOptions } from "@openclaw/protocol";

/**
 * About the memory that an object, a list, a number or the name of a field takes, without its content.
 */
const PER_NODE_BYTES = 32;

/**
 * JSON writes these characters with one backslash before them: `"`, `\`, and those with a letter of their own.
 */
const ESCAPED_SHORT: ReadonlySet<number> = new Set([0x22, 0x5c, 0x08, 0x09, 0x0a, 0x0c, 0x0d]);
/** `\u0001` is one byte in UTF-8. */
const MORE_FOR_CONTROL = 5;
/** `\ud800` without its other half takes three bytes in UTF-8. */
const MORE_FOR_HALF = 3;

/**
 * The bytes that all texts in `value` have as JSON, which is how Redis keeps them, and a little for each part. The
 * sum is about the length of the JSON, and half to all of the memory that the value takes. `value` comes from JSON,
 * so it has no cycles.
 */
export function promptBytes(value: unknown): number {
  let bytes = 0;
  // Without recursion: a client may nest its request as deep as it likes.
  const left: unknown[] = [value];
  while (left.length > 0) {
    const part = left.pop();
    if (part === undefined) continue;
    bytes += PER_NODE_BYTES;
    if (typeof part === "string") bytes += textBytes(part);
    else if (Array.isArray(part)) for (const item of part) left.push(item);
    else if (typeof part === "object" && part !== null) {
      for (const [name, field] of Object.entries(part)) {
        bytes += textBytes(name);
        left.push(field);
      }
    }
  }
  return bytes;
}

/** Without the quotes. The JSON is not created: a prompt may have a megabyte. */
function textBytes(text: string): number {
  let bytes = Buffer.byteLength(text);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x22 || code === 0x5c) {
      bytes += ESCAPED_SHORT.has(code) ? 1 : MORE_FOR_CONTROL;
    } else if (code >= 0xd800 && code <= 0xdfff) {
      // This reads both halves of a whole character at once.
      if ((text.codePointAt(at) ?? 0) > 0xffff) at += 1;
      else bytes += MORE_FOR_HALF;
    }
  }
  return bytes;
}

/**
 * No tokenizer makes tokens that are longer on average, over any text that people send. English has 4 to 5 bytes
 * per token, Chinese 4 to 6. An estimate that is too low costs one refusal by the provider. An estimate that is too
 * high would keep a good provider from answering.
 */
const MOST_BYTES_PER_TOKEN = 12;

export interface MeasuredRequest {
  readonly messages: readonly ConversationMessage[];
  readonly options?: Pick<RunOptions, "maxTokens"> | undefined;
}

/**
 * The least number of tokens that a request takes: its text, and the room that it asks for the answer. Images and sound
 * count nothing. The estimate is good enough to skip providers that are known to take fewer tokens.
 */
export function leastTokensOf({ messages, options }: MeasuredRequest): number {
  const bytes = messages.reduce((sum, { content }) => sum + contentBytesOf(content), 0);
  return Math.ceil(bytes / MOST_BYTES_PER_TOKEN) + (options?.maxTokens ?? 0);
}

function contentBytesOf(content: ConversationMessage["content"]): number {
  if (typeof content === "string") return Buffer.byteLength(content);
  const parts = content ?? [];
  return parts.reduce(
    (sum, part) => sum + (part.type === "text" ? Buffer.byteLength(part.text) : 0),
    0,
  );
}
