import type { FinishReason } from "@openclaw/protocol";
import { type Fail, malformed } from "../contract/provider-error.ts";

/** How an answer ended. The last three only look like an end. */
export type Ending = FinishReason | "context_full" | "failed" | "unknown";

/**
 * The reasons of all providers. No word has two meanings. Failures come first, since `rate_limit` is not a `limit`.
 */
const ENDINGS: readonly (readonly [RegExp, Ending])[] = [
  [/error|abort|fail|cancel|interrupt|malformed|overload|preempt|disconnect|unexpected/, "failed"],
  [
    /insufficient|quota|exception|unavailable|crash|evict|rate_?limit|time_?(?:out|limit)/,
    "failed",
  ],
  [/filter|safety|moderat|guardrail|recitation|blocklist|blocked|prohibited/, "content_filter"],
  [/^spii$|sensitive|refus|censor|violat/, "content_filter"],
  [/context/, "context_full"],
  [/length|max\w*tokens|token_?limit|out_of_tokens|truncat/, "length"],
  [/^(?:limit|max|incomplete)$/, "length"],
  [/tool|function/, "tool_calls"],
  [/^(?:stop|end|eos|eot|finish|complete|done|normal|natural|success)/, "stop"],
];

/** Words that mean no reason. */
const NONE = ["", "null", "none", "undefined"];

/**
 * Reads a `finish_reason`. Until the last chunk, providers leave it out or send null or an empty string: all of these
 * mean no reason.
 *
 * An unknown word fails the attempt. Most words that came up over the years meant answers that were cut, blocked or
 * lost, and a user cannot see that. A provider with a harmless new word fails with the field in the log, until this
 * file knows the word.
 *
 * @throws ProviderError for anything but a string
 */
export function readFinishReason(value: unknown, fail: Fail): Ending | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw malformed(fail, "finish_reason", value);
  const word = value.trim().toLowerCase();
  if (NONE.includes(word)) return undefined;
  return ENDINGS.find(([pattern]) => pattern.test(word))?.[1] ?? "unknown";
}

/** The meaning of two reasons in a row: many providers close every answer with a mere `stop`. */
export function laterEnding(before: Ending | undefined, ending: Ending): Ending {
  return ending === "stop" && before !== undefined && before !== "unknown" ? before : ending;
}
