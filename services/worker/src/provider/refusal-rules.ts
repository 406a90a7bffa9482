/**
 * What a refusal means where the provider's dialect knows nothing more precise: one table, read from
 * the top, of which the first row that fits decides.
 */
import type { ErrorCode } from "@openclaw/protocol";
import type { Refusal } from "./refusal.ts";

/** A row fits where all that it names does. */
export interface RefusalRule {
  readonly means: ErrorCode;
  /** The envelope's code is one of these. OpenAI's own, which the compatible servers borrow. */
  readonly codes?: readonly string[];
  /** The envelope's sentences say so. */
  readonly words?: RegExp;
  /** `none` where the refusal has none: it came inside a stream. */
  readonly statuses?: readonly (number | "none")[];
}

/** Where only the words tell that it is the request, and which part of it. */
const REFUSED_REQUEST = ["none", 400, 404, 413, 422, 500] as const;
const WITHOUT_STATUS = ["none"] as const;

const RULES: readonly RefusalRule[] = [
  { means: "provider_auth", codes: ["invalid_api_key"] },
  { means: "provider_quota", codes: ["insufficient_quota", "billing_hard_limit_reached"] },
  { means: "model_not_found", codes: ["model_not_found"] },
  { means: "context_length_exceeded", codes: ["context_length_exceeded"] },
  { means: "content_filtered", codes: ["content_filter", "content_policy_violation"] },
  { means: "provider_rate_limited", codes: ["rate_limit_exceeded"] },
  { means: "provider_error", codes: ["server_error"] },

  {
    means: "context_length_exceeded",
    words:
      /maximum context length|context[ _]length|context window|maximum number of tokens allowed|(?:prompt|input) is too long|too many (?:input )?tokens|reduce the length of/,
    statuses: REFUSED_REQUEST,
  },
  {
    means: "content_filtered",
    words: /content[ _-]?filter|content management policy|content policy|data_?inspection_?failed/,
    statuses: ["none", 400, 422],
  },
  {
    means: "model_not_found",
    words: /\bmodel\b.{0,120}(?:not found|not exist|not supported)/,
    statuses: ["none", 400, 422],
  },

  // Types and sentences of errors inside a stream, where no status tells them apart.
  {
    means: "provider_quota",
    words: /insufficient[ _](?:quota|balance|funds|credit)|exceeded your current quota/,
    statuses: WITHOUT_STATUS,
  },
  {
    means: "provider_auth",
    words: /authentication_error|unauthenticated|(?:invalid|incorrect) api[ _]key/,
    statuses: WITHOUT_STATUS,
  },
  {
    means: "provider_rate_limited",
    words: /rate[ _]limit|too many requests|resource_exhausted|quota exceeded/,
    statuses: WITHOUT_STATUS,
  },
  {
    means: "provider_overloaded",
    words: /overloaded|service unavailable|at capacity/,
    statuses: WITHOUT_STATUS,
  },
  {
    means: "provider_rejected",
    words: /invalid_request|invalid_argument/,
    statuses: WITHOUT_STATUS,
  },

  // Accepted for later: the request waits in a queue whose end nobody promises.
  { means: "provider_overloaded", statuses: [202, 503, 504, 529] },
  { means: "provider_auth", statuses: [401, 403] },
  { means: "provider_quota", statuses: [402] },
  { means: "model_not_found", statuses: [404, 410] },
  { means: "provider_error", statuses: ["none", 408, 409] },
  { means: "context_length_exceeded", statuses: [413] },
  { means: "provider_rate_limited", statuses: [429] },
  { means: "content_filtered", statuses: [451] },
];

export function classifyCommon(refusal: Refusal): ErrorCode {
  const rule = RULES.find((row) => fits(row, refusal));
  return rule?.means ?? classifyRange(refusal.status ?? 500);
}

/** Whether a code is one of OpenAI's: closed vocabulary, safe to show. */
export function isCommonCode(code: string): boolean {
  return RULES.some(({ codes }) => codes?.includes(code));
}

function fits(
  { codes, words, statuses }: RefusalRule,
  { status = "none", code, text }: FitOf,
): boolean {
  if (codes && !codes.includes(code)) return false;
  if (words && !words.test(text)) return false;
  return statuses === undefined || statuses.includes(status);
}

type FitOf = Omit<Refusal, "status"> & { readonly status?: number | "none" | undefined };

function classifyRange(status: number): ErrorCode {
  if (status >= 500) return "provider_error";
  // Another 2xx carries no answer; a redirect means that the configured URL is wrong.
  return status < 300 ? "provider_malformed" : "provider_rejected";
}
