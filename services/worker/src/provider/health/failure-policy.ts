/**
 * The table of failures of a provider. It says whose fault each is, whether the run may go to another provider or come
 * back later, and how it affects the account.
 *
 * The dialect of a provider maps the provider's codes to failures.
 */
import type { ErrorCode } from "@openclaw/protocol";

/** The effect of a failure on other runs. */
export interface Effect {
  /** The account has too much to do: it gets fewer runs. */
  readonly slowsDown: boolean;
  /** Counts for the provider's circuit breaker. */
  readonly counts: boolean;
}

export interface FailurePolicy extends Effect {
  /**
   * Whose fault it is. A fault of the request has no effect on the account or the provider, whatever its HTTP status.
   */
  readonly fault: "request" | "account" | "provider";
  /**
   * Another provider may succeed; `roomier`: only a provider that takes longer requests. False if the fault is the request's, or
   * the run is over.
   */
  readonly elsewhere: boolean | "roomier";
  /** This account may succeed a moment later, if no other provider is left. */
  readonly later: boolean;
  /**
   * Only for failures of a refused account. A question confirms the refusal (`account-refusal.ts`), and is repeated with
   * growing waits, up to this one.
   */
  readonly askMostMs?: number;
}

const REFUSED_REQUEST = {
  fault: "request",
  elsewhere: false,
  later: false,
  slowsDown: false,
  counts: false,
} as const;
const REFUSED_ACCOUNT = {
  fault: "account",
  elsewhere: true,
  later: false,
  slowsDown: false,
  counts: false,
} as const;
const BROKEN = {
  fault: "provider",
  elsewhere: true,
  later: false,
  slowsDown: false,
  counts: true,
} as const;

const POLICIES: Readonly<Partial<Record<ErrorCode, FailurePolicy>>> = {
  provider_rejected: REFUSED_REQUEST,
  content_filtered: REFUSED_REQUEST,
  context_length_exceeded: { ...REFUSED_REQUEST, elsewhere: "roomier" },
  answer_too_large: REFUSED_REQUEST,
  // Counts for the circuit, though the run has no time left for another provider.
  run_timeout: { ...BROKEN, elsewhere: false },

  provider_auth: { ...REFUSED_ACCOUNT, askMostMs: 60_000 },
  provider_quota: { ...REFUSED_ACCOUNT, askMostMs: 300_000 },
  model_not_found: { ...REFUSED_ACCOUNT, askMostMs: 300_000 },

  provider_rate_limited: { ...REFUSED_ACCOUNT, later: true, slowsDown: true },
  provider_overloaded: { ...BROKEN, later: true, slowsDown: true },
  provider_error: { ...BROKEN, later: true },
  provider_unreachable: { ...BROKEN, later: true },
};

/** Any other code means that the provider broke off, fell silent or sent an unknown form. */
export function policyOf(code: ErrorCode): FailurePolicy {
  return POLICIES[code] ?? BROKEN;
}

/**
 * The effect of a failure on other runs: only what holds for both codes.
 *
 * @param codeWithoutText see `ProviderError.codeWithoutText`
 */
export function effectOf(code: ErrorCode, codeWithoutText: ErrorCode): Effect {
  const [own, sure] = [policyOf(code), policyOf(codeWithoutText)];
  return { slowsDown: own.slowsDown && sure.slowsDown, counts: own.counts && sure.counts };
}
