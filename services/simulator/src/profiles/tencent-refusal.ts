import type { Json, Refusal, RefusalCause } from "./dialect.ts";

interface Row {
  readonly type: string;
  readonly code: string;
  readonly message: string;
}

/** 404, 410, 500, 503 and 504 are not in the documented table; they follow its pattern. */
const ROWS: Readonly<Record<number, Row>> = {
  400: { type: "invalid_request_error", code: "400001", message: "invalid request parameter" },
  401: { type: "authentication_error", code: "401002", message: "invalid api key" },
  402: { type: "permission_error", code: "401007", message: "FREE_QUOTA_EXHAUSTED" },
  403: { type: "permission_error", code: "403001", message: "access denied" },
  404: { type: "invalid_request_error", code: "404001", message: "model not found" },
  410: { type: "invalid_request_error", code: "410001", message: "model is offline" },
  429: { type: "rate_limit_error", code: "429001", message: "rate limit exceeded: rpm" },
  451: {
    type: "content_filter_error",
    code: "451001",
    message: "content blocked by safety policy",
  },
  500: { type: "internal_error", code: "500001", message: "internal server error" },
  502: { type: "upstream_error", code: "502001", message: "upstream service error" },
  503: { type: "upstream_error", code: "503001", message: "upstream service unavailable" },
  504: { type: "upstream_error", code: "504001", message: "upstream service timeout" },
};

export function tencentRefusal(cause: RefusalCause): Refusal {
  return {
    status: cause.status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "x-request-id": cause.requestId,
    },
    body: JSON.stringify(tencentError(cause)),
  };
}

/** The envelope, which streams are assumed to use as well. */
export function tencentError({ status, requestId, message, missing, code }: RefusalCause): Json {
  const row = ROWS[status] ?? {
    type: status < 500 ? "invalid_request_error" : "internal_error",
    code: `${status}001`,
    message: "request failed",
  };
  const fromUpstream = row.type === "upstream_error";
  return {
    error: {
      type: row.type,
      code: missing === "path" ? "404002" : (code ?? row.code),
      message: message ?? row.message,
      source: fromUpstream ? "upstream" : status < 500 ? "client" : "gateway",
      ...(fromUpstream && { upstream_status: status }),
      request_id: requestId,
    },
  };
}
