import type { Usage } from "@openclaw/protocol";
import { isObject } from "./refusal.ts";

/** Reads a `usage` field: undefined where it is missing, null, or not made of numbers. */
export function readUsage(value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined;
  const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = value;
  if (typeof inputTokens !== "number" || typeof outputTokens !== "number") return undefined;
  return { inputTokens, outputTokens };
}
