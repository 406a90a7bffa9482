import { type ProviderHealthReport, RecentMean } from "@openclaw/metrics";
import type { ErrorCode } from "@openclaw/protocol";
import type { AccountVerdict } from "@openclaw/queue";
import { AccountRefusal, type QuestionResult } from "./account-refusal.ts";
import { CircuitBreaker, type CircuitBreakerOptions } from "./circuit-breaker.ts";
import { effectOf, policyOf } from "./failure-policy.ts";

const TOO_MANY_COMPLAINTS = 0.3;
const REST_MS = 500;

/** Why no run is to be spent on a provider right now, and for how long where that is known. */
export interface Closed {
  readonly code: ErrorCode;
  readonly forMs?: number;
}

export interface ProviderHealthOptions extends CircuitBreakerOptions {
  /** Asks the account a plain question. Throws where it fails; bounded in time. */
  readonly ask: () => Promise<void>;
  /** What the cluster knows of the account. Without it no question confirms a refusal, and none stands. */
  readonly verdict?: AccountVerdict | undefined;
  /** A question of our own has come to this. */
  readonly onAsked?: ((result: QuestionResult) => void) | undefined;
}

/** How one provider account fares with the runs of this process, and whether more are to be spent on it. */
export class ProviderHealth {
  readonly #breaker: CircuitBreaker;
  readonly #refusal: AccountRefusal | undefined;
  readonly #firstTokenMs = new RecentMean();
  readonly #failures = new RecentMean();
  /** Share of attempts that the account had too much of. */
  readonly #complaints = new RecentMean();
  /** What it is left alone for, and until when on the monotonic clock. */
  #rest: { readonly code: ErrorCode; readonly until: number } | undefined;

  constructor(options: ProviderHealthOptions) {
    const { provider, log, probe, ask, verdict, onAsked = () => undefined } = options;
    this.#breaker = new CircuitBreaker({
      ...options,
      probe: (code) => this.#unlessResting(() => probe(code)),
    });
    this.#refusal =
      verdict &&
      new AccountRefusal({
        ...{ provider, log, verdict, onAsked },
        ask: () => this.#unlessResting(ask),
      });
  }

  /** Undefined where a run may be spent on it. */
  get closed(): Closed | undefined {
    const forMs = this.#restMs;
    if (this.#rest && forMs > 0) return { code: this.#rest.code, forMs };
    const code = this.#refusal?.code ?? this.#breaker.code;
    return code === undefined ? undefined : { code };
  }

  /** Whether runs are spent on it, and if not why. */
  get state(): "available" | "open" | "resting" | "refused" {
    if (this.#restMs > 0) return "resting";
    if (this.#refusal?.code !== undefined) return "refused";
    return this.#breaker.code === undefined ? "available" : "open";
  }

  /** The first token of an attempt came. */
  spoke(afterMs: number): void {
    this.#firstTokenMs.add(afterMs);
  }

  /** An attempt came to the end of its answer. */
  finished(): void {
    this.#failures.add(0);
    this.#complaints.add(0);
    this.#breaker.succeeded();
  }

  /**
   * An attempt failed. That an account is refused counts only once it is confirmed.
   *
   * @param codeWithoutText see `ProviderError.codeWithoutText`
   */
  failed(code: ErrorCode, codeWithoutText = code): void {
    if ([code, codeWithoutText].every(isSure)) this.#failures.add(1);
    if (effectOf(code, codeWithoutText).counts) this.#breaker.failed(code);
    if (policyOf(code).askMostMs !== undefined) this.#refusal?.suspect();
  }

  /**
   * The account has more to do than it takes: it is left alone for as long as it says, or for a moment
   * where most of what it is asked is too much. Otherwise whatever is queued would be refused within that
   * moment. One complaint in many attempts says nothing of the next one.
   */
  complained(code: ErrorCode, retryAfterMs: number | undefined): void {
    this.#complaints.add(1);
    const isTooMuch = (this.#complaints.value ?? 0) > TOO_MANY_COMPLAINTS;
    const restMs = retryAfterMs ?? (isTooMuch ? REST_MS : 0);
    if (restMs > 0) this.rest(code, restMs);
  }

  /** Spends nothing on it for so long from now, or longer where that was said before. */
  rest(code: ErrorCode, forMs: number): void {
    const until = performance.now() + forMs;
    if (until > (this.#rest?.until ?? 0)) this.#rest = { code, until };
  }

  /** Left alone is left alone. */
  async #unlessResting(question: () => Promise<void>): Promise<void> {
    if (this.#restMs > 0) throw new Error("the account rests");
    await question();
  }

  get #restMs(): number {
    return this.#rest ? Math.ceil(this.#rest.until - performance.now()) : 0;
  }

  report(): ProviderHealthReport {
    const { code } = this.closed ?? {};
    const [firstTokenMs, failureShare] = [this.#firstTokenMs.value, this.#failures.value];
    return {
      state: this.state,
      ...(code !== undefined && { code }),
      ...(firstTokenMs !== undefined && { firstTokenMs: Math.round(firstTokenMs) }),
      ...(failureShare !== undefined && { failureShare: Math.round(failureShare * 100) / 100 }),
    };
  }

  stop(): void {
    this.#breaker.stop();
    this.#refusal?.stop();
  }
}

/** Whether it lies in the account or the provider, and nothing has to confirm that. */
function isSure(code: ErrorCode): boolean {
  const { fault, askMostMs } = policyOf(code);
  return fault !== "request" && askMostMs === undefined;
}
