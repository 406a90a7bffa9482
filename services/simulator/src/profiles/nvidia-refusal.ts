/**
 * NVIDIA refuses in several forms. Its gateway sends problem JSON without an `error` key, and the model server behind
 * it sends JSON with that key. At times the body is an HTML page, or empty.
 */
import type { Json, Refusal, RefusalCause } from "./dialect.ts";

const FUNCTION_ID = "3f1c7a52-9d0e-4b7e-8c55-5f0a6f2f9b11";
const ACCOUNT_ID = "sim-account";

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  410: "Gone",
  429: "Too Many Requests",
  451: "Unavailable For Legal Reasons",
};

/** 429 has none: the real one says nothing but its title. */
const DETAILS: Readonly<Record<number, string>> = {
  401: "Authentication failed",
  402: "Account has expired cloud credits",
  403: "Authorization failed",
  404: `Function '${FUNCTION_ID}': Not found for account '${ACCOUNT_ID}'`,
  410: "The model has reached its end of life on 2026-08-07T00:00:00Z and is no longer available.",
};

/** Of the gateway where the status alone would be the model server's, or would have no detail. */
const OTHER_DETAILS: Readonly<Record<string, string>> = {
  degraded: `Function id '${FUNCTION_ID}': DEGRADED function cannot be invoked`,
  queue: "Failed to publish to the queue",
};

export function nvidiaRefusal(cause: RefusalCause): Refusal {
  const { status, message, code = "" } = cause;
  const other = OTHER_DETAILS[code];
  if (other !== undefined) return problem({ ...cause, message: other });
  if (status === 504) return reply(cause, "text/plain", "");
  if (status === 502) return reply(cause, "text/html", html("502 Bad Gateway"));
  if (status === 503) {
    const full = "ResourceExhausted: Worker local total request limit reached (17/16)";
    return modelServer(cause, message ?? full, "Service Unavailable");
  }
  if (status === 400) return modelServer(cause, message ?? "Bad request", "BadRequestError");
  if (status >= 500) {
    return modelServer(cause, message ?? "Internal server error", "internal_server_error");
  }
  return problem(cause);
}

function problem(cause: RefusalCause): Refusal {
  const { status } = cause;
  const detail = cause.message ?? DETAILS[status];
  const body: Json = {
    type: "about:blank",
    title: TITLES[status] ?? "Error",
    status,
    ...(detail !== undefined && { detail }),
  };
  return reply(cause, "application/problem+json", JSON.stringify(body));
}

function modelServer(cause: RefusalCause, message: string, type: string): Refusal {
  const body = { error: { message, type, code: cause.status } };
  return reply(cause, "application/json", JSON.stringify(body));
}

function html(title: string): string {
  return `<html>\r\n<head><title>${title}</title></head>\r\n<body><h1>${title}</h1></body>\r\n</html>`;
}

function reply({ status, requestId }: RefusalCause, contentType: string, body: string): Refusal {
  const headers = {
    "content-type": contentType,
    "nvcf-reqid": requestId,
    // 202: accepted, but no worker has taken it yet; ask again under this id.
    "nvcf-status": status === 202 ? "in-progress" : status < 400 ? "fulfilled" : "errored",
    ...(status === 401 && { "www-authenticate": 'Bearer error="invalid_token"' }),
  };
  return { status, headers, body };
}
