import type { FinishReason } from "@openclaw/protocol";
import type { Fail } from "../contract/provider-error.ts";
import { notUnderstood } from "./not-understood.ts";

/** How an answer ended: as it should, or in a way that only looks like an end. */
export type Ending = FinishReason | "context_full" | "failed" | "unknown";

/**
 * The reasons in use, of all providers: no provider gives another's word a different meaning. What speaks
 * of failure goes first, since `rate_limit` is no `limit`.
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

/** Words that stand in the place of none. */
const NONE = ["", "null", "none", "undefined"];

/**
 * Reads a `finish_reason`. Providers leave it out, or send null or an empty string, until the last
 * chunk: all of these are no reason.
 *
 * A word that nobody knows is an end, and not a good one: most that came up over the years spoke of
 * answers that were cut, blocked or lost, which a user could not tell from whole ones. A provider with
 * a harmless new word fails loudly, with the field in the log, until the word is known here.
 *
 * @throws ProviderError where it is no word
 */
export function readFinishReason(value: unknown, fail: Fail): Ending | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw notUnderstood(fail, "finish_reason", value);
  const word = value.trim().toLowerCase();
  if (NONE.includes(word)) return undefined;
  return ENDINGS.find(([pattern]) => pattern.test(word))?.[1] ?? "unknown";
}

/** What two reasons mean with nothing said in between: many close every answer with a mere `stop`. */
export function laterEnding(before: Ending | undefined, ending: Ending): Ending {
  return ending === "stop" && before !== undefined && before !== "unknown" ? before : ending;
}
