/** The headers that let a page of another origin send requests and read the replies. */
import type { Headers } from "./http-head.ts";

/**
 * Every reply depends on `Origin`, also a reply without these headers. A cache must not give it to another page.
 */
const VARY: Headers = { vary: "Origin" };

/** Our own headers that a client may read. */
const EXPOSED = [
  "x-request-id",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "location",
  ...["ratelimit", "ratelimit-policy"],
  ...["limit", "remaining", "reset"].flatMap((what) =>
    ["requests", "tokens"].map((of) => `x-ratelimit-${what}-${of}`),
  ),
].join(", ");

const METHODS = "GET, HEAD, POST, DELETE, OPTIONS";

/** Headers that clients send. `*` would not include `Authorization`. */
const ACCEPTED = [
  ...["authorization", "content-type", "accept", "cache-control", "last-event-id"],
  ...["x-request-id", "x-api-key", "idempotency-key", "traceparent", "tracestate", "baggage"],
  ...["openai-organization", "openai-project", "openai-beta", "user-agent"],
];

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]{1,128}$/;
/** How long a browser keeps the reply to a preflight. */
const MAX_AGE_S = "600";

/** @param reader the origin whose pages may read the reply, or `*` */
export function replyHeaders(reader: string | undefined): Headers {
  if (reader === undefined) return VARY;
  return {
    ...VARY,
    "access-control-allow-origin": reader,
    "access-control-expose-headers": EXPOSED,
    // For a proxy in front that knows its users by cookies. Never if every page may read replies.
    ...(reader !== "*" && { "access-control-allow-credentials": "true" }),
  };
}

/**
 * The headers of the reply to a preflight, if the page may read replies.
 *
 * @param asked `Access-Control-Request-Headers`. Libraries add headers of their own (`x-stainless-…`). No header
 * that such a page sends can do harm.
 */
export function preflightHeaders(asked: string): Headers {
  const names = asked.split(",").map((name) => name.trim().toLowerCase());
  const accepted = new Set([...ACCEPTED, ...names.filter((name) => HEADER_NAME.test(name))]);
  return {
    vary: "Origin, Access-Control-Request-Headers",
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers": [...accepted].join(", "),
    "access-control-max-age": MAX_AGE_S,
  };
}
