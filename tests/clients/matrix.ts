/** What is proven of whom: each client with each feature is one test, `client: feature`. */

type Library = "openai" | "ai" | "langchain" | "sdk";

/** The columns. `newest` ones are the majors of `tests/clients/newest`, which run under a later Node. */
export const COLUMNS = {
  "openai-6": { library: "openai", newest: false },
  "openai-7": { library: "openai", newest: true },
  "ai-6": { library: "ai", newest: false },
  "ai-7": { library: "ai", newest: true },
  "langchain-1.5": { library: "langchain", newest: false },
  "langchain-1.6": { library: "langchain", newest: true },
  sdk: { library: "sdk", newest: false },
} as const satisfies Readonly<Record<string, { library: Library; newest: boolean }>>;
export type ClientName = keyof typeof COLUMNS;

// The names are those of the object above.
export const CLIENTS = Object.keys(COLUMNS) as readonly ClientName[];

export const FEATURES = [
  "stream",
  "whole answer",
  "reasoning, streamed",
  "reasoning, whole",
  "tool calls and their results, streamed",
  "tool calls and their results, whole",
  "usage, streamed",
  "usage, whole",
  "conversation with content parts",
  "response_format json",
  "list of models",
  "abort in the answer closes the upstream request within 500 ms",
  "abort before the answer closes it as soon",
  "comments while nothing is said",
  "400 invalid request",
  "401 wrong key",
  "404 unknown model",
  "404 base URL without its end",
  "413 too long",
  "context_length_exceeded",
  "content filter, before the answer",
  "content filter, in the answer",
  "429 quota",
  "429 quota, not retried",
  "429 rate limit, retried when it says",
  // After a second request, by those that send one.
  "502, told",
  "503, told",
  "504, told",
  "provider fails before the answer: unseen",
  "provider fails in the answer: continued",
  "provider fails in the answer: told",
  "provider fails in the answer: another one, whole",
  "provider stalls in the answer: told",
  "provider stalls in the answer: 504, whole",
  "connection lost in the answer: told",
] as const;
export type Feature = (typeof FEATURES)[number];

const NOT_LISTED = "the library does not list models";
const TEXT_ALONE = "protocol v2 has text alone";
const OF_HTTP = "a matter of HTTP";
const ASKS_ONCE = "it asks once; the error says whether that may be asked again";

/** Cells without a test, and why. They count for nothing. */
const LEFT_OUT: Readonly<Partial<Record<Feature, Partial<Record<Library, string>>>>> = {
  "tool calls and their results, streamed": { sdk: TEXT_ALONE },
  "tool calls and their results, whole": { sdk: TEXT_ALONE },
  "conversation with content parts": { sdk: TEXT_ALONE },
  "response_format json": { sdk: TEXT_ALONE },
  "list of models": { ai: NOT_LISTED, langchain: NOT_LISTED, sdk: NOT_LISTED },
  "404 base URL without its end": { sdk: OF_HTTP },
  "comments while nothing is said": { sdk: OF_HTTP },
  "429 quota, not retried": {
    ai: "the library asks again after any 429, whatever that says",
    sdk: ASKS_ONCE,
  },
  "429 rate limit, retried when it says": { sdk: ASKS_ONCE },
  "connection lost in the answer: told": { sdk: "it goes on over another connection" },
};

/** Why a cell has no test; undefined where it has one. */
export function leftOut(client: ClientName, feature: Feature): string | undefined {
  return LEFT_OUT[feature]?.[COLUMNS[client].library];
}

export function cellName(client: ClientName, feature: Feature): string {
  return `${client}: ${feature}`;
}
