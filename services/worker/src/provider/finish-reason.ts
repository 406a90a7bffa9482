import type { FinishReason } from "@openclaw/protocol";

/** How an answer ended: as it should, or in a way that only looks like an end. */
export type Ending = FinishReason | "context_full" | "failed";

/** The reasons in use, of all providers: no provider gives another's word a different meaning. */
const ENDINGS: Readonly<Record<string, Ending>> = {
  stop: "stop",
  length: "length",
  max_tokens: "length",
  content_filter: "content_filter",
  sensitive: "content_filter",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  model_context_window_exceeded: "context_full",
  network_error: "failed",
  insufficient_system_resource: "failed",
};

const SOUNDS_LIKE_FAILURE = /error|abort|fail|cancel|interrupt|timeout/i;

/**
 * Reads a `finish_reason`. Providers leave it out, or send null or an empty string, until the last
 * chunk: all of these are no reason. A word nobody knew is the provider's own deliberate end, unless
 * it speaks of failure: a broken answer is never dressed up as a finished one.
 */
export function readFinishReason(value: unknown): Ending | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  if (Object.hasOwn(ENDINGS, value)) return ENDINGS[value];
  return SOUNDS_LIKE_FAILURE.test(value) ? "failed" : "stop";
}
