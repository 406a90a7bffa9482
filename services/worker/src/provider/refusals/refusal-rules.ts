/**
 * The meaning of a refusal, unless the provider's dialect knows a more precise one. The first row of the table that fits
 * decides.
 *
 * A status alone does not show whether the fault is the request's or the account's. For example, 402 comes with an empty
 * account, and with one request for more tokens than are left. So words go before the status. Without a known word, 401,
 * 402, 403 and 404 are the account's. A question of the worker then confirms it (`account-refusal.ts`), and no other run
 * waits for that.
 */
import type { ErrorCode } from "@openclaw/protocol";
import type { Refusal } from "./refusal.ts";
import {
  ANOTHER_FIELD,
  AWAY_FOR_NOW,
  CONTEXT_TOO_LONG,
  FILTERED_CONTENT,
  LARGER_THAN_A_MINUTE,
  MISSING_FEATURE,
  MORE_THAN_CAN_BE_PAID,
  NO_MONEY,
  OTHER_LIMIT_NAME,
  OVERLOADED,
  REFUSED_KEY,
  TOO_OFTEN,
  UNKNOWN_MODEL,
} from "./refusal-words.ts";

/** A row fits if all its conditions hold. */
interface RefusalRule {
  readonly means: ErrorCode;
  /** A hint for the user in our own words. The provider's words may quote the prompt or the key. */
  readonly says?: string;
  /** The code is one of these. They are OpenAI's, and compatible servers use them too. */
  readonly codes?: readonly string[];
  /** The text or the code matches. */
  readonly words?: Pick<RegExp, "test">;
  /** `none`: the refusal has no status, since it came inside a stream. */
  readonly statuses?: readonly (number | "none")[];
}

/** Statuses with which only the words show whose fault it is. */
const AMBIGUOUS = ["none", 400, 401, 402, 403, 404, 406, 409, 412, 413, 422, 424] as const;
const WITHOUT_STATUS = ["none"] as const;

const TOO_LONG = "string_above_max_length";

const RULES: readonly RefusalRule[] = [
  { means: "provider_auth", codes: ["invalid_api_key"] },
  { means: "provider_quota", codes: ["insufficient_quota", "billing_hard_limit_reached"] },
  { means: "model_not_found", codes: ["model_not_found"] },
  { means: "context_length_exceeded", codes: ["context_length_exceeded"] },
  { means: "provider_rejected", codes: [TOO_LONG], words: ANOTHER_FIELD },
  { means: "context_length_exceeded", codes: [TOO_LONG] },
  { means: "content_filtered", codes: ["content_filter", "content_policy_violation"] },
  { means: "provider_error", codes: ["server_error"] },

  // The fault of one request, with a status that otherwise is the account's.
  {
    means: "provider_rejected",
    says: "more tokens than the account can pay for: ask for fewer `max_tokens`",
    words: MORE_THAN_CAN_BE_PAID,
    statuses: ["none", 402, 403],
  },
  {
    means: "context_length_exceeded",
    says: "larger than the provider's limit for one request",
    words: LARGER_THAN_A_MINUTE,
    statuses: ["none", 413, 429],
  },
  { means: "provider_rate_limited", codes: ["rate_limit_exceeded"] },

  // The account's fault, with a status that otherwise is the request's.
  { means: "provider_quota", words: NO_MONEY, statuses: [...AMBIGUOUS, 429] },
  { means: "provider_auth", words: REFUSED_KEY, statuses: AMBIGUOUS },

  {
    means: "context_length_exceeded",
    words: CONTEXT_TOO_LONG,
    // Never with 401, which may quote a prompt and is not about its length.
    statuses: [...AMBIGUOUS.filter((status) => status !== 401), 500],
  },
  { means: "content_filtered", words: FILTERED_CONTENT, statuses: AMBIGUOUS },
  {
    means: "provider_rejected",
    says: "it expects another name for the limit of tokens: see its `maxTokensName`",
    words: OTHER_LIMIT_NAME,
    statuses: AMBIGUOUS,
  },
  {
    means: "provider_rejected",
    says: "the request needs a feature that the model or the account does not have",
    words: MISSING_FEATURE,
    statuses: AMBIGUOUS,
  },
  { means: "provider_overloaded", words: AWAY_FOR_NOW, statuses: ["none", 400, 403, 404, 424] },
  { means: "model_not_found", words: UNKNOWN_MODEL, statuses: AMBIGUOUS },
  { means: "provider_rate_limited", words: TOO_OFTEN, statuses: [400, 403] },
  { means: "provider_overloaded", words: OVERLOADED, statuses: [400, 403, 424] },

  // Types and texts of errors inside a stream, which have no status.
  { means: "provider_quota", words: /exceeded your current quota/, statuses: WITHOUT_STATUS },
  {
    means: "provider_auth",
    words: /authentication_error|unauthenticated/,
    statuses: WITHOUT_STATUS,
  },
  { means: "provider_rate_limited", words: TOO_OFTEN, statuses: WITHOUT_STATUS },
  { means: "provider_overloaded", words: OVERLOADED, statuses: WITHOUT_STATUS },
  {
    means: "provider_rejected",
    words: /invalid_request|invalid_argument/,
    statuses: WITHOUT_STATUS,
  },

  // 202 means accepted for later, without a promise of when.
  { means: "provider_overloaded", statuses: [202, 498, 503, 504, 529] },
  { means: "provider_auth", statuses: [401, 403] },
  { means: "provider_quota", statuses: [402] },
  { means: "model_not_found", statuses: [404, 410] },
  { means: "provider_error", statuses: ["none", 408, 409, 424, 425, 499] },
  { means: "context_length_exceeded", statuses: [413] },
  { means: "provider_rate_limited", statuses: [429] },
  { means: "content_filtered", statuses: [451] },
];

export function classifyCommon(refusal: Refusal): ErrorCode {
  return ruleFor(refusal)?.means ?? classifyRange(refusal.status ?? 500);
}

/** The hint for the user. */
export function reasonOf(refusal: Refusal): string | undefined {
  return ruleFor(refusal)?.says;
}

function ruleFor(refusal: Refusal): RefusalRule | undefined {
  return RULES.find((row) => fits(row, refusal));
}

/** Whether a code is one of OpenAI's. They are a closed vocabulary, safe to show. */
export function isCommonCode(code: string): boolean {
  return RULES.some(({ codes }) => codes?.includes(code));
}

function fits(
  { codes, words, statuses }: RefusalRule,
  { status = "none", code, text }: FitOf,
): boolean {
  if (codes && !codes.includes(code)) return false;
  if (words && !words.test(`${code.toLowerCase()} ${text}`)) return false;
  return statuses === undefined || statuses.includes(status);
}

type FitOf = Omit<Refusal, "status"> & { readonly status?: number | "none" | undefined };

function classifyRange(status: number): ErrorCode {
  if (status >= 500) return "provider_error";
  // Another 2xx has no answer. A redirect means that the configured URL is wrong.
  return status < 300 ? "provider_malformed" : "provider_rejected";
}
