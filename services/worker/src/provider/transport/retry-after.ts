import type { IncomingHttpHeaders } from "node:http";

/** The longest rest of an account, even if the provider asks for more. */
export const MAX_RETRY_AFTER_MS = 600_000;

/**
 * How long the account is to rest, in milliseconds; undefined if the provider does not say.
 *
 * `retry-after-ms` is exact and goes before `Retry-After`, which is in seconds or a date. A date counts from the
 * response's own `Date`, since the provider's clock may differ from ours.
 */
export function readRetryAfter(headers: IncomingHttpHeaders): number | undefined {
  const exact = readNumber(headers["retry-after-ms"]);
  if (exact !== undefined) return bounded(exact);
  const value = headers["retry-after"];
  const seconds = readNumber(value);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  const at = readDate(value);
  return at === undefined ? undefined : bounded(at - (readDate(headers.date) ?? Date.now()));
}

function readNumber(value: string | readonly string[] | undefined): number | undefined {
  return typeof value === "string" && /^\d+(\.\d+)?$/.test(value.trim())
    ? Number(value)
    : undefined;
}

/** Takes only the form of HTTP, since `Date.parse` accepts almost anything. */
function readDate(value: string | undefined): number | undefined {
  if (value === undefined || !/^[A-Z][a-z]{2,8}, .+ GMT$/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms)), MAX_RETRY_AFTER_MS);
}
