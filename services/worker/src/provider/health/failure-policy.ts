/**
 * What each failure of a provider asks of us: the one table that says whose the fault is, whether a run
 * goes elsewhere, may come back later, and what becomes of the account.
 *
 * What the codes of each provider mean is the business of its dialect; this is what we do about it.
 */
import type { ErrorCode } from "@openclaw/protocol";

/** What a failure does to the runs of others. */
export interface Effect {
  /** The account has more to do than it may or can: it is asked for less. */
  readonly slowsDown: boolean;
  /** Speaks against the provider: after enough of these its circuit opens. */
  readonly counts: boolean;
}

export interface FailurePolicy extends Effect {
  /**
   * Whose the fault is. What lies in the request says nothing of the account or the provider, whatever
   * its status: it opens no circuit and counts against nobody.
   */
  readonly fault: "request" | "account" | "provider";
  /**
   * Another provider may succeed; `roomier`: one that takes longer requests. False where the reason lies in the request, or
   * the run is over.
   */
  readonly elsewhere: boolean | "roomier";
  /** This account may succeed a moment later, if nobody else is there to be asked. */
  readonly later: boolean;
  /**
   * Only where the account may be refused as such. A question of our own confirms that
   * (`account-refusal.ts`), and is asked again ever more rarely: this often in the end.
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
  // Counts, though the run has no time left for anybody else.
  run_timeout: { ...BROKEN, elsewhere: false },

  provider_auth: { ...REFUSED_ACCOUNT, askMostMs: 60_000 },
  provider_quota: { ...REFUSED_ACCOUNT, askMostMs: 300_000 },
  model_not_found: { ...REFUSED_ACCOUNT, askMostMs: 300_000 },

  provider_rate_limited: { ...REFUSED_ACCOUNT, later: true, slowsDown: true },
  provider_overloaded: { ...BROKEN, later: true, slowsDown: true },
  provider_error: { ...BROKEN, later: true },
  provider_unreachable: { ...BROKEN, later: true },
};

/** Everything that is not listed is a provider that broke off, fell silent or made no sense. */
export function policyOf(code: ErrorCode): FailurePolicy {
  return POLICIES[code] ?? BROKEN;
}

/**
 * What a failure does to others, who have no part in what one request made a provider say.
 *
 * @param codeWithoutText what it means by its status alone
 */
export function effectOf(code: ErrorCode, codeWithoutText: ErrorCode): Effect {
  const [said, sure] = [policyOf(code), policyOf(codeWithoutText)];
  return { slowsDown: said.slowsDown && sure.slowsDown, counts: said.counts && sure.counts };
}
