import type { FinishReason } from "@openclaw/protocol";
import { notUnderstood } from "./not-understood.ts";
import type { Fail } from "./provider-error.ts";

/** How an answer ended: as it should, or in a way that only looks like an end. */
export type Ending = FinishReason | "context_full" | "failed";

/** The reasons in use, of all providers: no provider gives another's word a different meaning. */
const ENDINGS: Readonly<Record<string, Ending>> = {
  stop: "stop",
  length: "length",
  max_tokens: "length",
  max_output_tokens: "length",
  content_filter: "content_filter",
  content_filtered: "content_filter",
  sensitive: "content_filter",
  refusal: "content_filter",
  safety: "content_filter",
  recitation: "content_filter",
  blocklist: "content_filter",
  prohibited_content: "content_filter",
  tool_calls: "tool_calls",
  tool_use: "tool_calls",
  function_call: "tool_calls",
  model_context_window_exceeded: "context_full",
  network_error: "failed",
  insufficient_system_resource: "failed",
};

const SOUNDS_LIKE_FAILURE = /error|abort|fail|cancel|interrupt|time_?out|malformed|overload/i;

/**
 * Reads a `finish_reason`. Providers leave it out, or send null or an empty string, until the last
 * chunk: all of these are no reason. A word nobody knew is the provider's own deliberate end, unless
 * it speaks of failure: a broken answer is never dressed up as a finished one.
 *
 * @throws ProviderError where it is no word
 */
export function readFinishReason(value: unknown, fail: Fail): Ending | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw notUnderstood(fail, "finish_reason", value);
  const word = value.trim().toLowerCase();
  if (word === "" || word === "null") return undefined;
  if (Object.hasOwn(ENDINGS, word)) return ENDINGS[word];
  return SOUNDS_LIKE_FAILURE.test(word) ? "failed" : "stop";
}
