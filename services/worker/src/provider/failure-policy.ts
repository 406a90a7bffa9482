/**
 * What each failure of a provider asks of us: the one table that says whether a run goes elsewhere, may
 * come back later, and what becomes of the account.
 *
 * What the codes of each provider mean is the business of its dialect; this is what we do about it.
 */
import type { ErrorCode } from "@openclaw/protocol";

export interface FailurePolicy {
  /**
   * Another provider may succeed; `roomier`: one that takes longer requests. False where the reason lies in the request, or
   * the run is over.
   */
  readonly elsewhere: boolean | "roomier";
  /** This account may succeed a moment later, if nobody else is there to be asked. */
  readonly later: boolean;
  /** The account has more to do than it may or can: it is asked for less. */
  readonly slowsDown: boolean;
  /** Speaks against the provider: after enough of these its circuit opens. */
  readonly counts: boolean;
  /**
   * Passes mostly by an operator's hand, and the log says so: the account is left alone, and tried out
   * ever more rarely, this often in the end.
   */
  readonly disablesMs?: number;
}

const REFUSED_REQUEST = {
  elsewhere: false,
  later: false,
  slowsDown: false,
  counts: false,
} as const;
const REFUSED_ACCOUNT = { elsewhere: true, later: false, slowsDown: false, counts: false } as const;
const BROKEN = { elsewhere: true, later: false, slowsDown: false, counts: true } as const;

const POLICIES: Readonly<Partial<Record<ErrorCode, FailurePolicy>>> = {
  provider_rejected: REFUSED_REQUEST,
  content_filtered: REFUSED_REQUEST,
  context_length_exceeded: { ...REFUSED_REQUEST, elsewhere: "roomier" },
  answer_too_large: REFUSED_REQUEST,
  // Counts, though the run has no time left for anybody else.
  run_timeout: { ...REFUSED_REQUEST, counts: true },

  provider_auth: { ...REFUSED_ACCOUNT, disablesMs: 60_000 },
  provider_quota: { ...REFUSED_ACCOUNT, disablesMs: 300_000 },
  model_not_found: { ...REFUSED_ACCOUNT, disablesMs: 300_000 },

  provider_rate_limited: { elsewhere: true, later: true, slowsDown: true, counts: false },
  provider_overloaded: { elsewhere: true, later: true, slowsDown: true, counts: true },
  provider_error: { ...BROKEN, later: true },
  provider_unreachable: { ...BROKEN, later: true },
};

/** Everything that is not listed is a provider that broke off, fell silent or made no sense. */
export function policyOf(code: ErrorCode): FailurePolicy {
  return POLICIES[code] ?? BROKEN;
}
