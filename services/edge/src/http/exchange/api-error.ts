/**
 * Failures as clients of the OpenAI API expect them: a status, headers that their libraries act upon, and the error
 * object that they show.
 *
 * The libraries try again after 408, 409, 429 and every 5xx, unless `x-should-retry` says otherwise. They wait for
 * `retry-after-ms` or `retry-after`, if that is at most 60 s. LangChain takes a 429 without `retry-after` for an
 * account that is used up.
 */
import type { HttpResponse } from "uWebSockets.js";
import { type ApiError, type ErrorCode, type Failure, v1ErrorFrame } from "@openclaw/protocol";
import type { HttpExchange } from "./http-exchange.ts";
import { type Headers, type HttpStatus, writeHead } from "./http-head.ts";

interface Refusal {
  readonly status: HttpStatus;
  readonly type: string;
  /** The name of OpenAI's for this failure. Not set: our own code. */
  readonly code?: string;
}

const INVALID = { status: 400, type: "invalid_request_error" } as const;
const NOT_FOUND = { status: 404, type: "invalid_request_error" } as const;
const UPSTREAM = { status: 502, type: "upstream_error" } as const;
const LATE = { status: 504, type: "upstream_error" } as const;
const BUSY = { status: 503, type: "overloaded_error" } as const;
const OURS = { status: 500, type: "server_error" } as const;

const REFUSALS: Readonly<Record<ErrorCode, Refusal>> = {
  invalid_json: INVALID,
  invalid_request: INVALID,
  invalid_session: INVALID,
  binary_frame: INVALID,
  message_too_long: { ...INVALID, status: 413 },
  frame_too_long: { ...INVALID, status: 413 },
  unsupported_media_type: { ...INVALID, status: 415 },
  head_too_long: { ...INVALID, status: 431 },
  origin_not_allowed: { ...INVALID, status: 403 },
  invalid_api_key: { ...INVALID, status: 401 },
  unknown_provider: { ...NOT_FOUND, code: "model_not_found" },
  unknown_run: { ...NOT_FOUND, code: "run_not_found" },

  too_many_waiting: BUSY,
  too_many_runs: BUSY,
  overloaded: BUSY,
  unavailable: BUSY,
  draining: BUSY,
  queue_timeout: BUSY,

  provider_auth: UPSTREAM,
  provider_quota: { status: 429, type: "insufficient_quota", code: "insufficient_quota" },
  provider_rate_limited: { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" },
  provider_overloaded: BUSY,
  provider_rejected: INVALID,
  model_not_found: NOT_FOUND,
  content_filtered: { ...INVALID, code: "content_filter" },
  context_length_exceeded: INVALID,
  provider_error: UPSTREAM,
  provider_unreachable: UPSTREAM,
  first_token_timeout: LATE,
  provider_stalled: LATE,
  provider_cut: UPSTREAM,
  provider_malformed: UPSTREAM,
  provider_empty: UPSTREAM,
  run_timeout: LATE,

  cancelled: { status: 409, type: "cancelled" },
  interrupted: UPSTREAM,
  attempts_exhausted: UPSTREAM,
  answer_too_large: UPSTREAM,
  internal: OURS,
};

/**
 * Requests for which there is no route, or which did not come whole. They are no failures of a run, and have their
 * own codes.
 */
const MISADDRESSED = {
  unknown_url: NOT_FOUND,
  request_timeout: { ...INVALID, status: 408 },
  upgrade_required: { ...INVALID, status: 426 },
} as const satisfies Readonly<Record<string, Refusal>>;

/** Codes of frames and connections. A request over HTTP never gets them. */
const OF_SOCKETS: ReadonlySet<string> = new Set<ErrorCode>([
  "binary_frame",
  "frame_too_long",
  "invalid_session",
  "too_many_waiting",
  "too_many_runs",
]);

/** Every refusal of a request over HTTP, by the codes that clients see. */
export const HTTP_REFUSALS: readonly { readonly status: HttpStatus; readonly code: string }[] =
  Object.entries<Refusal>({ ...REFUSALS, ...MISADDRESSED })
    .filter(([code]) => !OF_SOCKETS.has(code))
    .map(([own, { status, code = own }]) => ({ status, code }));

/** Libraries ignore a wait of 60 s and more. */
const LONGEST_WAIT_S = 59;
const USUAL_WAIT_MS = 1_000;
/** A client that cancelled its run does not want it again. */
const NOT_AGAIN: readonly ErrorCode[] = ["cancelled"];

/**
 * The body for a failure, in a response or as an event of a stream.
 *
 * @param param the field that is wrong
 */
export function apiError({ code, message }: Failure, param: string | null = null): ApiError {
  const { type, code: known } = REFUSALS[code];
  return { error: { message, type, param, code: known ?? code } };
}

/** The status and headers for a failure, as long as nothing was sent. */
export function refusalOf({ code, retryable, retryAfterMs }: Failure): {
  readonly status: HttpStatus;
  readonly headers: Headers;
} {
  const { status } = REFUSALS[code];
  const mayRetry = retryable && !NOT_AGAIN.includes(code);
  if (!mayRetry) return { status, headers: { "x-should-retry": "false" } };
  if (status !== 429 && status !== 503) return { status, headers: { "x-should-retry": "true" } };
  const waitMs = Math.min(retryAfterMs ?? USUAL_WAIT_MS, LONGEST_WAIT_S * 1_000);
  const headers = {
    "x-should-retry": "true",
    "retry-after": String(Math.max(1, Math.ceil(waitMs / 1_000))),
    "retry-after-ms": String(Math.max(1, Math.round(waitMs))),
  };
  return { status, headers };
}

/** Answers a request with a failure. */
export function refuse(
  exchange: HttpExchange,
  reason: Failure,
  { param = null, requestId }: { param?: string | null; requestId?: string } = {},
): void {
  const { status, headers } = refusalOf(reason);
  exchange.reply(status, apiError(reason, param), {
    ...headers,
    ...(requestId !== undefined && { "x-request-id": requestId }),
  });
}

/**
 * Answers an upgrade request with a failure, in the shape of a v1 error frame. Closes the connection, for which its
 * client has no other use.
 */
export function refuseUpgrade(response: HttpResponse, reason: Failure, headers: Headers): void {
  const { status } = refusalOf(reason);
  response.cork(() => {
    writeHead(response, status, { ...headers, "content-type": "application/json" });
    response.end(v1ErrorFrame(reason), true);
  });
}

/** Answers a request for which there is no route, or which did not come whole. */
export function refuseAddress(
  exchange: HttpExchange,
  { code, message }: { readonly code: keyof typeof MISADDRESSED; readonly message: string },
  headers: Headers = {},
): void {
  const { status, type } = MISADDRESSED[code];
  const body: ApiError = { error: { message, type, param: null, code } };
  exchange.reply(status, body, { "x-should-retry": "false", ...headers });
}
