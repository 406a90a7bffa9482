/** The meaning of a failed connection, by the codes of Node and undici. */
import type { ErrorCode } from "@openclaw/protocol";
import { ProxyFailedError } from "./proxy-tunnel.ts";

export type Phase = "before headers" | "after headers";

interface TransportFailure {
  readonly code: ErrorCode;
  /** Safe to show: the system's code (`ECONNREFUSED`), or the failure of the proxy. */
  readonly detail: string | undefined;
  /** The part of the error that may be kept. */
  readonly cause: unknown;
}

/** The other side closed the socket, or it was closed before a write. */
const CLOSED = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE", "ECONNABORTED"]);
/** The worker destroyed the pool while a run used it. */
const STOPPED = new Set(["UND_ERR_DESTROYED", "UND_ERR_CLOSED"]);

export function describeTransportError(error: unknown, phase: Phase): TransportFailure {
  // Errors of the HTTP parser have no code, and hold the bytes that caused them.
  if (error instanceof Error && error.name === "HTTPParserError") {
    return { code: "provider_malformed", detail: "not HTTP", cause: undefined };
  }
  if (error instanceof ProxyFailedError) {
    return { code: "provider_unreachable", detail: error.detail, cause: error };
  }
  const systemCode = codeOf(error);
  const detail = /^[A-Z][A-Z0-9_]{0,63}$/.test(systemCode) ? systemCode : undefined;
  return { code: classify(systemCode, phase), detail, cause: error };
}

/** Whether the other side closed the connection. It may close an idle connection at any time. */
export function isClosedByPeer(error: unknown): boolean {
  return CLOSED.has(codeOf(error));
}

function classify(systemCode: string, phase: Phase): ErrorCode {
  if (STOPPED.has(systemCode)) return "unavailable";
  if (systemCode === "UND_ERR_INVALID_ARG") return "internal";
  if (systemCode === "UND_ERR_HEADERS_OVERFLOW") return "provider_malformed";
  return phase === "before headers" ? "provider_unreachable" : "provider_cut";
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
