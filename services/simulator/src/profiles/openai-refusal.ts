import type { Refusal, RefusalCause } from "./dialect.ts";

interface Row {
  readonly type: string;
  readonly code: string | null;
  readonly message: string;
}

const INVALID = "invalid_request_error";

const ROWS: Readonly<Record<number, Row>> = {
  400: { type: INVALID, code: null, message: "The request is invalid." },
  401: { type: INVALID, code: "invalid_api_key", message: "Incorrect API key provided." },
  402: {
    type: "insufficient_quota",
    code: "insufficient_quota",
    message: "You exceeded your current quota, please check your plan and billing details.",
  },
  403: { type: INVALID, code: "unsupported_country", message: "Access is not permitted." },
  404: { type: INVALID, code: "model_not_found", message: "The model does not exist." },
  410: { type: INVALID, code: "model_not_found", message: "The model has been deprecated." },
  429: { type: "requests", code: "rate_limit_exceeded", message: "Rate limit reached." },
  451: { type: INVALID, code: "content_filter", message: "The content was filtered." },
  502: { type: "server_error", code: null, message: "Bad gateway." },
  503: { type: "server_error", code: null, message: "The engine is currently overloaded." },
  504: { type: "server_error", code: null, message: "Gateway timeout." },
};

export function openaiRefusal({
  status,
  requestId,
  message,
  missing,
  code: asked,
}: RefusalCause): Refusal {
  const row = ROWS[status] ?? {
    type: status < 500 ? INVALID : "server_error",
    code: null,
    message: "The server had an error while processing your request.",
  };
  const code = missing === "path" ? "unknown_url" : (asked ?? row.code);
  return {
    status,
    headers: {
      "content-type": "application/json",
      "x-request-id": requestId,
      // Of all profiles only this one says when to come back; the real others leave it out.
      ...(status === 429 && { "retry-after": "1" }),
    },
    body: JSON.stringify({
      error: { message: message ?? row.message, type: row.type, param: null, code },
    }),
  };
}
