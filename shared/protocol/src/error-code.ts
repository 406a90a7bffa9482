/**
 * Everything that can go wrong with a run, as a client sees it.
 *
 * The union is closed: clients branch on `code`, dashboards group by it, and it never carries data.
 * `retryable` answers one question: may the very same request succeed if it is sent again?
 */
export const ERROR_CODES = {
  // The request itself.
  invalid_json: entry(
    'That frame is not JSON. Send an object such as {"message": "Hello"}.',
    false,
  ),
  invalid_request: entry("That frame does not have the expected fields.", false),
  message_too_long: entry("The message is longer than this server accepts.", false),
  unknown_provider: entry("No provider has that name.", false),
  binary_frame: entry("Binary frames are not part of this protocol. Send JSON as text.", false),
  frame_too_long: entry("The frame is longer than this server accepts.", false),
  invalid_session: entry(
    "The session id must be 1 to 256 bytes of UTF-8 without control characters, percent-encoded in the path.",
    false,
  ),
  unsupported_media_type: entry(
    "The body must be JSON, with the header `content-type: application/json`.",
    false,
  ),
  head_too_long: entry("The head of the request is longer than this server accepts.", false),
  origin_not_allowed: entry("Pages of that origin may not use this gateway.", false),
  invalid_api_key: entry(
    "The API key is missing or wrong. Send it as `Authorization: Bearer KEY`, or as `?api_key=KEY` from a browser.",
    false,
  ),

  unknown_run: entry("There is no such run in this session (any more).", false),

  // Room and readiness of the cluster.
  too_many_waiting: entry("Too many messages are waiting on this connection.", true),
  too_many_runs: entry("Too many runs are open on this connection.", true, 1_000),
  overloaded: entry("The service is at its limit. Try again shortly.", true, 1_000),
  unavailable: entry("The service cannot take requests right now. Try again shortly.", true, 1_000),
  draining: entry("This server is shutting down. Reconnect to continue.", true),
  queue_timeout: entry("No worker became free in time.", true),

  // What the provider said.
  provider_auth: entry("The provider refused the gateway's API key.", false),
  provider_quota: entry("The gateway's account with the provider is out of quota.", false),
  provider_rate_limited: entry("The provider is limiting the rate of requests.", true),
  provider_overloaded: entry("The provider is overloaded.", true),
  provider_rejected: entry("The provider rejected the request.", false),
  model_not_found: entry("The provider does not serve the configured model.", false),
  content_filtered: entry("The provider's content filter blocked the request.", false),
  context_length_exceeded: entry("The conversation is too long for the model.", false),
  provider_error: entry("The provider failed to answer.", true),

  // Failures of the provider.
  provider_unreachable: entry("The provider cannot be reached.", true),
  first_token_timeout: entry("The provider did not begin to answer in time.", true),
  provider_stalled: entry("The provider fell silent in the middle of the answer.", true),
  provider_cut: entry("The provider's answer broke off before its end.", true),
  provider_malformed: entry("The provider's answer could not be understood.", true),
  provider_empty: entry("The provider finished without any text.", true),
  run_timeout: entry("The answer took longer than allowed.", true),

  // The gateway's own.
  cancelled: entry("The run was cancelled.", true),
  interrupted: entry("The answer was interrupted and its remainder cannot be trusted.", true),
  attempts_exhausted: entry("The run was tried as often as allowed and did not finish.", true),
  answer_too_large: entry("The answer is larger than this server keeps.", false),
  internal: entry("The gateway failed. This is a fault on our side.", true),
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

interface ErrorCodeEntry {
  /** One sentence for a person, used where nothing more precise is known. */
  readonly message: string;
  readonly retryable: boolean;
  /** After how long trying again makes sense, where the gateway itself is what is short. */
  readonly retryAfterMs?: number;
}

function entry(message: string, retryable: boolean, retryAfterMs?: number): ErrorCodeEntry {
  return { message, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** Whether a string received from elsewhere (a log entry, a job) is one of our codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_CODES, value);
}

/** A failure as it travels to a client: through the log of a run, and in an `error` frame. */
export interface Failure {
  readonly code: ErrorCode;
  /** One sentence, safe to show: no secrets, no prompt or answer text. */
  readonly message: string;
  readonly retryable: boolean;
  /** Only for what passes by itself. Not shown in v1. */
  readonly retryAfterMs?: number;
}

/**
 * Makes a failure from its code. `message` replaces the code's own sentence where more is known (which provider,
 * which limit). `retryAfterMs` replaces the code's own where a provider or a limit gave one. `retryable` never varies
 * for one code.
 */
export function failure(
  code: ErrorCode,
  message: string = ERROR_CODES[code].message,
  retryAfterMs: number | undefined = (ERROR_CODES[code] as ErrorCodeEntry).retryAfterMs,
): Failure {
  const { retryable }: ErrorCodeEntry = ERROR_CODES[code];
  return { code, message, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
