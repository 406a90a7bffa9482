/** What is proven of whom: each client with each feature is one test, `client: feature`. */

export const CLIENTS = ["openai", "ai", "langchain"] as const;
export type ClientName = (typeof CLIENTS)[number];

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
  "413 too long",
  "context_length_exceeded",
  "content filter, before the answer",
  "content filter, in the answer",
  "429 quota",
  "429 quota, not retried",
  "429 rate limit, retried when it says",
  "502 retried, then told",
  "503 retried when it says, then told",
  "504 retried, then told",
  "provider fails before the answer: unseen",
  "provider fails in the answer: continued",
  "provider fails in the answer: told",
  "provider fails in the answer: another one, whole",
  "provider stalls in the answer: told",
  "provider stalls in the answer: 504, whole",
  "connection lost in the answer: told",
] as const;
export type Feature = (typeof FEATURES)[number];

interface LeftOut {
  readonly clients: readonly ClientName[];
  readonly reason: string;
}

/** Cells without a test, and why. They count for nothing. */
export const LEFT_OUT: Readonly<Partial<Record<Feature, LeftOut>>> = {
  "list of models": { clients: ["ai", "langchain"], reason: "the library does not ask for it" },
  // Becomes a row of tests with the first key that the door asks for.
  "401 wrong key": { clients: CLIENTS, reason: "the door asks for no key" },
  "429 quota, not retried": {
    clients: ["ai"],
    reason: "the library asks again after any 429, whatever that says",
  },
};

export function isLeftOut(client: ClientName, feature: Feature): boolean {
  return LEFT_OUT[feature]?.clients.includes(client) === true;
}

export function cellName(client: ClientName, feature: Feature): string {
  return `${client}: ${feature}`;
}
